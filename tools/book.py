"""``make book``: execute what changed, then let Jupyter Book render ``_build/html``.

Jupyter Book reads ``_build/stage``: the configuration and pages of this repository, the
chapters with their outputs. Files there are rewritten only where they change, so that a
second build renders only what is new.
"""

import argparse
import hashlib
import re
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import nbformat
import yaml

from tools import addresses, apparatus, laboratories, reading
from tools.execute import ChapterError, executed_chapter, fingerprint
from tools.setup import ROOT

# chapters written before the build measured the reading time state one of their own
RECORD = re.compile(r"(?:Reading it takes about [\w ]+\. )?<!-- machine record -->")


def main() -> int:
    """Build the book; returns 1 if a cell fails or a page has a warning."""
    parser = argparse.ArgumentParser(prog="python -m tools book")
    parser.parse_args()
    failures = stage(ROOT)
    if failures:
        print("\n\n".join(["", *failures]), file=sys.stderr)
        print(f"\nmake book: {len(failures)} failed (see above)", file=sys.stderr)
        return 1
    if not render(ROOT):
        return 1
    copy_assets(ROOT)
    addresses.write_redirects(ROOT, ROOT / "_build" / "html")
    _write_sitemap(ROOT)
    sync_citation(ROOT)
    print(f"\nThe book is built. Open {ROOT / '_build' / 'html' / 'index.html'}")
    return 0


def pages(root: Path) -> list[str]:
    """Every page of the book, as named in ``_toc.yml``, with its suffix."""
    return [page for part in parts(root).values() for page in part]


def parts(root: Path) -> dict[str, list[str]]:
    """The pages by the caption of their part; the front page is in the part "" ."""
    toc = yaml.safe_load((root / "_toc.yml").read_text())
    found = {"": [_existing(root, toc["root"])]}
    for part in toc.get("parts", []):
        files = [_existing(root, chapter["file"]) for chapter in part["chapters"]]
        found[part["caption"]] = files
    return found


def titles(root: Path) -> str:
    """The menu of the book: part, page and title in each line."""
    rows = []
    for caption, files in parts(root).items():
        for name in files:
            text = (root / name).read_text(encoding="utf-8")
            if name.endswith(".ipynb"):
                text = nbformat.reads(text, as_version=4).cells[0].source
            rows.append(f"{caption}: {name}: {text.splitlines()[0]}")
    return "\n".join(rows)


def _existing(root: Path, entry: str) -> str:
    candidates = [entry + suffix for suffix in (".ipynb", ".md")]
    existing = [c for c in candidates if (root / c).exists()]
    if len(existing) != 1:
        sys.exit(f"_toc.yml lists {entry}: expected one file, found {existing}")
    return existing[0]


def stage(root: Path) -> list[str]:
    """Fill ``_build/stage``; returns the description of each chapter that failed."""
    target, failures, kept = root / "_build" / "stage", [], set()

    def put(name: str, content: bytes) -> None:
        kept.add(target / name)
        path = target / name
        if not path.exists() or path.read_bytes() != content:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)

    put("_config.yml", yaml.safe_dump(configuration(root)).encode())
    put("_toc.yml", (root / "_toc.yml").read_bytes())
    menu = target / "menu.txt"
    before = menu.read_text(encoding="utf-8") if menu.exists() else None
    put(menu.name, titles(root).encode())
    if menu.read_text(encoding="utf-8") != before:
        # each page shows the menu of all, and Sphinx would render the changed ones only
        shutil.rmtree(root / "_build" / ".doctrees", ignore_errors=True)
    put("book/cover.png", _cover(root))
    for name, content in laboratories.made(root).items():
        put(name, content)
    for path in sorted((root / "book").rglob("*")):
        name = path.relative_to(root).as_posix()
        if path.is_file() and path.suffix not in (".ipynb", ".md", ".pyc"):
            put(name, path.read_bytes())
    chapters = [name for name in pages(root) if name.endswith(".ipynb")]
    for name in set(pages(root)) - set(chapters):
        text = (root / name).read_text(encoding="utf-8")
        put(name, apparatus.filled(root, text, chapters).encode())
    terms = apparatus.terms(root)
    for name in chapters:
        try:
            executed = executed_chapter(root, name)
            put(name, _rendered_source(executed, terms, launching(root)).encode())
        except ChapterError as error:
            failures.append(str(error))
    for path in target.rglob("*"):
        if path.is_file() and path not in kept and "__pycache__" not in path.parts:
            path.unlink()
    return failures


def _cover(root: Path) -> bytes:
    """The front page's figure, drawn again when code it may depend on changed."""
    sources = [root / "tools" / "cover.py", *sorted(root.glob("lecture_utils/*.*"))]
    key = hashlib.sha256("".join(map(fingerprint, sources)).encode()).hexdigest()
    path = root / "_build" / f"cover-{key[:16]}.png"
    if not path.exists():
        from tools.cover import draw_cover  # imports torch: seconds

        path.parent.mkdir(exist_ok=True)
        draw_cover(path)
    return path.read_bytes()


def configuration(root: Path) -> dict:
    """``_config.yml``, with everything that needs the public address added or left out.

    The address is the one variable ``repository: url`` of that file; while it is empty
    the book has no launch buttons, no repository link and no sitemap.
    """
    config = yaml.safe_load((root / "_config.yml").read_text())
    if address := config["repository"]["url"]:
        config["launch_buttons"]["binderhub_url"] = "https://mybinder.org"
        if urlsplit(address).netloc == "github.com":  # the only host that Colab opens
            config["launch_buttons"]["colab_url"] = "https://colab.research.google.com"
        config["html"] |= {"use_repository_button": True, "use_issues_button": True}
        config["html"]["baseurl"] = site_address(address)
    else:
        del config["repository"]
        config["launch_buttons"] = {"thebe": False}
    return config


def site_address(repository: str) -> str:
    """Where the pages of a GitHub repository are published; "" for other hosts."""
    parts = urlsplit(repository)
    owner, _, name = parts.path.strip("/").partition("/")
    if parts.netloc != "github.com" or not name:
        return ""
    return f"https://{owner.lower()}.github.io/{name.removesuffix('.git')}/"


def _rendered_source(
    notebook: nbformat.NotebookNode, terms: set[str], how_to_run: str
) -> str:
    """The executed notebook as Jupyter Book gets it: opening line, links."""
    build, unseen = notebook.metadata.pop("build"), set(terms)
    opening = f"{reading.sentence(notebook)} {machine_record(build)}{how_to_run}"
    for cell in notebook.cells:
        cell.source = RECORD.sub(lambda _: opening, cell.source)
        if cell.cell_type == "code":
            cell.metadata.pop("execution", None)
        else:
            cell.source = apparatus.linked(cell.source, unseen)
    return nbformat.writes(notebook)


def launching(root: Path) -> str:
    """What to know before a launch button is pressed; "" while there is none."""
    config = configuration(root)
    if "colab_url" not in config["launch_buttons"]:
        return ""
    return (
        " The rocket above runs this chapter elsewhere; on Colab, let the "
        f"first cell be `%pip install -q git+{config['repository']['url']}`."
    )


def machine_record(build: dict) -> str:
    """How long the chapter took when it was last tested, when, where, with what."""
    about = build["machine"]
    where = f"{about['cores']} cores ({about['processor']}, {about['system']})"
    if about["gpu"] != "none":
        where += f" beside a {about['gpu']}"
    return (
        f"Tested on {about['date']}: all cells ran in {build['seconds']:.0f} s"
        f"{_of_processor(build)} on {where}, with Python {about['python']} and torch "
        f"{about['torch']}."
    )


def _of_processor(build: dict) -> str:
    """The part of the seconds that a busy machine does not stretch, if it was kept."""
    seconds = build.get("cpu_seconds", 0)
    return f" ({seconds:.0f} s of processor time)" if seconds else ""


def render(root: Path) -> bool:
    """Run Jupyter Book, warnings as errors; True if it succeeded."""
    start = "from jupyter_book.cli.main import main; main()"
    build = [sys.executable, "-c", start, "build"]
    options = ["-W", "-n", "--keep-going", "--path-output", str(root)]
    run = subprocess.run(
        [*build, str(root / "_build" / "stage"), *options],
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="replace",
    )
    log = root / "_build" / "render.log"
    log.write_text(run.stdout + run.stderr, encoding="utf-8")
    index = root / "_build" / "html" / "index.html"
    if run.returncode or not index.exists():
        # Sphinx would forget the warnings of pages it need not read again.
        shutil.rmtree(root / "_build" / ".doctrees", ignore_errors=True)
        shutil.rmtree(root / "_build" / "html", ignore_errors=True)
        said = [row for row in log.read_text().splitlines() if _is_complaint(row)]
        print("\n".join(said) or run.stderr[-3000:], file=sys.stderr)
        print(f"\nmake book: rendering failed; all of it: {log}", file=sys.stderr)
        return False
    return True


def _is_complaint(row: str) -> bool:
    return any(word in row for word in ("WARNING", "ERROR", "Error:", "rror in"))


def copy_assets(root: Path) -> None:
    """Bring scripts and styles to the pages: Sphinx does only if a page changed too."""
    for path in (root / "_build" / "stage" / "book" / "assets").iterdir():
        built = root / "_build" / "html" / "_static" / path.name
        if not built.exists() or built.read_bytes() != path.read_bytes():
            shutil.copyfile(path, built)


def sync_citation(root: Path) -> None:
    """Let CITATION.cff name the repository's address, if and only if there is one."""
    path = root / "CITATION.cff"
    before = path.read_text(encoding="utf-8")
    rows = [r for r in before.splitlines() if not r.startswith("repository-code:")]
    address = configuration(root).get("repository", {}).get("url")
    rows += [f'repository-code: "{address}"'] if address else []
    if "\n".join(rows) + "\n" != before:
        path.write_text("\n".join(rows) + "\n", encoding="utf-8")


def _write_sitemap(root: Path) -> None:
    base = configuration(root)["html"].get("baseurl")
    if not base:
        return
    urls = [
        f"{base}{Path(page).with_suffix('.html').as_posix()}" for page in pages(root)
    ]
    rows = "".join(f"<url><loc>{url}</loc></url>\n" for url in urls)
    (root / "_build" / "html" / "sitemap.xml").write_text(
        '<?xml version="1.0" encoding="UTF-8"?>\n<urlset xmlns="http://www.sitemaps.org/'
        f'schemas/sitemap/0.9">\n{rows}</urlset>\n'
    )


if __name__ == "__main__":
    sys.exit(main())
