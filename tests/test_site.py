"""The public address is one variable; what needs it appears and disappears with it."""

import re
import shutil
from pathlib import Path

import pytest
import yaml

from tools.book import (
    configuration,
    copy_assets,
    machine_record,
    pages,
    site_address,
    sync_citation,
    titles,
)

ROOT = Path(__file__).parents[1]


@pytest.fixture
def addressed(tmp_path):
    """A copy of the configuration in which the address is set."""
    text = (ROOT / "_config.yml").read_text()
    pattern = r"(?m)^(  url: ).*$"
    text, n = re.subn(pattern, r'\1"https://github.com/Someone/book"', text)
    assert n == 1
    (tmp_path / "_config.yml").write_text(text)
    return tmp_path


def test_without_an_address_nothing_names_one(tmp_path):
    text = (ROOT / "_config.yml").read_text()
    text = re.sub(r"(?m)^(  url: ).*$", r'\1""', text)
    (tmp_path / "_config.yml").write_text(text)
    config = configuration(tmp_path)
    assert "repository" not in config
    assert set(config["launch_buttons"]) == {"thebe"}
    assert "baseurl" not in config["html"]


def test_an_address_brings_launch_buttons_and_a_site(addressed):
    config = configuration(addressed)
    assert config["repository"]["url"] == "https://github.com/Someone/book"
    assert {"binderhub_url", "colab_url"} <= set(config["launch_buttons"])
    assert config["html"]["baseurl"] == "https://someone.github.io/book/"


@pytest.mark.parametrize(
    ("repository", "site"),
    [
        ("https://github.com/a/b", "https://a.github.io/b/"),
        ("https://github.com/A/b.git", "https://a.github.io/b/"),
        ("https://gitlab.com/a/b", ""),
        ("", ""),
    ],
)
def test_the_site_of_a_repository(repository, site):
    assert site_address(repository) == site


def test_the_citation_names_the_address_exactly_if_there_is_one():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    address = yaml.safe_load((ROOT / "_config.yml").read_text())["repository"]["url"]
    assert citation.get("repository-code", "") == address


def test_the_citation_follows_the_address(addressed):
    original = (ROOT / "CITATION.cff").read_text()
    path = addressed / "CITATION.cff"
    path.write_text(original)
    sync_citation(addressed)
    cited = yaml.safe_load(path.read_text())
    assert cited["repository-code"] == "https://github.com/Someone/book"
    text = (addressed / "_config.yml").read_text()
    (addressed / "_config.yml").write_text(re.sub(r"(?m)^(  url: ).*$", r'\1""', text))
    sync_citation(addressed)
    assert path.read_text() == original


def test_the_machine_record_names_time_and_place():
    about = {
        "system": "Linux",
        "processor": "x86_64",
        "cores": 2,
        "python": "3.11.7",
        "torch": "2.13.0",
        "gpu": "none",
        "date": "2026-11-22",
    }
    text = machine_record({"machine": about, "seconds": 61.7})
    assert "Tested on 2026-11-22: all cells ran in 62 s" in text
    assert "on 2 cores (x86_64, Linux), with Python 3.11.7 and torch 2.13.0." in text
    busy = machine_record({"machine": about, "seconds": 100, "cpu_seconds": 61.7})
    assert "all cells ran in 100 s (62 s of processor time) on 2 cores" in busy
    assert "GPU X" in machine_record(
        {"machine": about | {"gpu": "GPU X"}, "seconds": 1}
    )


def test_a_page_that_is_missing_is_named(tmp_path):
    shutil.copy(ROOT / "_toc.yml", tmp_path)
    with pytest.raises(SystemExit, match="book/index"):
        pages(tmp_path)


def test_a_changed_script_reaches_the_pages_though_no_page_changed(tmp_path):
    assets = tmp_path / "_build" / "stage" / "book" / "assets"
    static = tmp_path / "_build" / "html" / "_static"
    for folder in (assets, static):
        folder.mkdir(parents=True)
    (assets / "book.css").write_text("new")
    (assets / "more.js").write_text("more")
    (static / "book.css").write_text("old")
    copy_assets(tmp_path)
    assert (static / "book.css").read_text() == "new"
    assert (static / "more.js").read_text() == "more"


def test_every_page_shows_the_menu_of_all_pages():
    order = [Path(page).with_suffix(".html").as_posix() for page in pages(ROOT)]
    html = ROOT / "_build" / "html"
    for name in order:
        page = (html / name).read_text(encoding="utf-8")
        menu = page[page.index('class="bd-links') : page.index("</nav>")]
        shown = re.findall(
            r'class="(?:current )?reference internal" href="([^"#]+|#)"', menu
        )
        leads = [
            (html / name).parent / it if it != "#" else html / name for it in shown
        ]
        assert [it.resolve() for it in leads] == [(html / it).resolve() for it in order]


def test_another_title_renders_every_menu_anew(tmp_path):
    for page in ("book/index.md", "book/one.md"):
        (tmp_path / page).parent.mkdir(exist_ok=True)
        (tmp_path / page).write_text("# A title\n\nText.\n")
    toc = "root: book/index\nparts: [{caption: P, chapters: [{file: book/one}]}]\n"
    (tmp_path / "_toc.yml").write_text(toc)
    before = titles(tmp_path)
    (tmp_path / "book/one.md").write_text("# A title\n\nAnother text.\n")
    assert titles(tmp_path) == before
    (tmp_path / "book/one.md").write_text("# Another title\n\nText.\n")
    assert titles(tmp_path) != before
    (tmp_path / "_toc.yml").write_text(toc.replace("caption: P", "caption: Q"))
    assert titles(tmp_path) != before
