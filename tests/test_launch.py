"""A chapter elsewhere: Binder, Colab, a JupyterHub, a container for developers."""

import html
import json
import os
import re
import shutil
from pathlib import Path
from urllib.parse import unquote

import nbformat
import pytest
import yaml

from tools import book
from tools.__main__ import COMMANDS
from tools.setup import CPU_WHEELS

ROOT = Path(__file__).parents[1]
CHAPTER = "book/solvers/symplectic_flows.ipynb"


def test_binder_installs_the_one_list_with_torch_for_processors():
    rows = (ROOT / ".binder/requirements.txt").read_text(encoding="utf-8").splitlines()
    orders = [row for row in rows if not row.startswith("#")]
    assert orders == [f"--extra-index-url {CPU_WHEELS}", "-r ../requirements.txt"]
    assert (ROOT / ".binder" / orders[1].split()[1]).resolve() == (
        ROOT / "requirements.txt"
    )
    post_build = ROOT / ".binder" / "postBuild"
    assert os.access(post_build, os.X_OK) or os.name == "nt"
    assert "pip install --no-deps --quiet --editable ." in post_build.read_text()


def test_every_machine_elsewhere_has_the_python_of_our_tests():
    (version,) = re.findall(
        r'python-version: "([\d.]+)"', (ROOT / ".github/workflows/test.yml").read_text()
    )
    assert (ROOT / ".binder/runtime.txt").read_text() == f"python-{version}\n"
    container = json.loads((ROOT / ".devcontainer/devcontainer.json").read_text())
    assert container["image"].endswith(f"/python:{version}")
    python, *command = container["postCreateCommand"].split()
    assert (python, command[:2]) == ("python", ["-m", "tools"])
    assert command[2] in COMMANDS


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A book of a front page and one chapter, rendered with an address."""
    root = tmp_path_factory.mktemp("published")
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    config["repository"]["url"] = "https://github.com/Someone/book"
    config["launch_buttons"]["jupyterhub_url"] = "https://hub.example.org"
    (root / "_config.yml").write_text(yaml.safe_dump(config))
    toc = {"format": "jb-book", "root": "book/index"}
    toc["parts"] = [{"caption": "P", "chapters": [{"file": CHAPTER[: -len(".ipynb")]}]}]
    (root / "_toc.yml").write_text(yaml.safe_dump(toc))
    stage = root / "_build" / "stage"
    (stage / CHAPTER).parent.mkdir(parents=True)
    shutil.copytree(ROOT / "book/_ext", stage / "book/_ext")
    shutil.copytree(ROOT / "book/assets", stage / "book/assets")
    (stage / "_config.yml").write_text(yaml.safe_dump(book.configuration(root)))
    shutil.copy(root / "_toc.yml", stage)
    for folder in (root, stage):
        (folder / CHAPTER).parent.mkdir(parents=True, exist_ok=True)
        (folder / "book/index.md").write_text("# A book\n\nSee the chapter.\n")
    (stage / "book/references.bib").write_text("")
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_markdown_cell(f"# One\n\nText.{book.launching(root)}")],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    )
    nbformat.write(notebook, stage / CHAPTER)
    nbformat.write(notebook, root / CHAPTER)
    assert book.render(root)
    book._write_sitemap(root)
    return root / "_build" / "html"


def test_a_chapter_starts_on_three_kinds_of_machine(published: Path):
    assert (ROOT / CHAPTER).is_file()  # the place in the repository that all name
    page = (published / CHAPTER).with_suffix(".html").read_text(encoding="utf-8")
    links = [unquote(html.unescape(it)) for it in re.findall(r'href="([^"]+)"', page)]
    binder, hub = (
        "https://mybinder.org/v2/gh/Someone/book/main",
        "https://hub.example.org",
    )
    assert f"{binder}?urlpath=lab/tree/{CHAPTER}" in links
    colab = "https://colab.research.google.com/github/Someone/book/blob/main/"
    assert colab + CHAPTER in links
    (at_hub,) = [link for link in links if link.startswith(hub)]
    assert "git-pull?repo=https://github.com/Someone/book" in at_hub
    assert f"lab/tree/book/{CHAPTER}" in at_hub
    assert "%pip install -q git+https://github.com/Someone/book" in page
    front = (published / "book/index.html").read_text(encoding="utf-8")
    assert "mybinder" not in front  # it has nothing to run


def test_the_sitemap_lists_every_page(published: Path):
    home = "https://someone.github.io/book/book/"
    found = re.findall(r"<loc>([^<]+)</loc>", (published / "sitemap.xml").read_text())
    assert found == [home + "index.html", home + "solvers/symplectic_flows.html"]
    page = (published / CHAPTER).with_suffix(".html").read_text(encoding="utf-8")
    assert f'<link rel="canonical" href="{found[1]}"' in page
    assert f'property="og:url" content="{found[1]}"' in page


def test_without_an_address_no_page_names_a_machine_elsewhere():
    if yaml.safe_load((ROOT / "_config.yml").read_text())["repository"]["url"]:
        pytest.skip("the address is set")
    page = (ROOT / "_build/html" / CHAPTER).with_suffix(".html").read_text("utf-8")
    assert not re.search(r"mybinder|colab|git-pull|git\+", page)
    assert not (ROOT / "_build/html/sitemap.xml").exists()
