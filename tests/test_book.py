"""The book keeps its promises: its numbers, its pictures, its exercises, its links.

These tests read what the last ``make book`` left in ``_build``; they fail, rather than
skip, if that is missing or older than the sources.
"""

import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import nbformat
import pytest

from tools.book import pages
from tools.execute import code_key, is_stale, stored_chapter, with_outputs
from tools.measured import number_literals
from tools.prose import check_claims, lint_numbers, lint_text, read_chapter
from tools.store import MARK

ROOT = Path(__file__).parents[1]
HTML = ROOT / "_build" / "html"
PAGES = pages(ROOT)
LONG_DRAWING = 16  # lines of code
PRINTED = 88  # characters, as in code
CHAPTERS = [page for page in PAGES if page.endswith(".ipynb")]


@pytest.fixture(params=CHAPTERS)
def source(request):
    """A chapter as it is in git."""
    return nbformat.read(ROOT / request.param, as_version=4)


@pytest.fixture(params=CHAPTERS)
def executed(request):
    """A chapter as it is in git, with the outputs of the last build."""
    stored = stored_chapter(ROOT, request.param)
    assert stored is not None, f"{request.param} was never executed: run make book"
    return with_outputs(nbformat.read(ROOT / request.param, as_version=4), stored)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def pictures(cell):
    """Outputs of a cell that a page shows as an image."""
    bundles = (output.get("data", {}) for output in cell.outputs)
    return [b for b in bundles if any(k.startswith("image/") for k in b)]


# ---- numbers


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_the_build_is_of_these_sources(chapter):
    stored = stored_chapter(ROOT, chapter)
    key = code_key(ROOT, nbformat.read(ROOT / chapter, as_version=4))
    assert stored is not None and not is_stale(ROOT, stored, key), "run make book"


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_the_text_agrees_with_what_the_code_measured(chapter):
    recorded = stored_chapter(ROOT, chapter).metadata["build"]["claims"]
    problems = check_claims(read_chapter(ROOT / chapter), recorded)
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("page", [p for p in PAGES if p.endswith(".md")])
def test_pages_without_code_claim_nothing(page):
    problems = check_claims(read_chapter(ROOT / page), [])
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("page", PAGES)
def test_every_measured_number_is_covered(page):
    problems = lint_numbers(read_chapter(ROOT / page))
    assert not problems, "\n".join(problems)


# ---- pictures


def test_every_figure_has_an_alternative_text_of_its_own(executed):
    texts = []
    for cell in code_cells(executed):
        for bundle in pictures(cell):
            if 'class="explore"' in bundle.get("text/html", ""):
                continue  # explore asks for its own, and the browser tests see it
            alt = cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "")
            assert len(alt.split()) >= 8, f"cell {cell.id}: describe the figure in alt"
            problems = lint_text(alt, number_literals(cell.source))
            assert not problems, "\n".join(problems)
            texts.append(alt)
    assert len(texts) == len(set(texts)), "two figures share one alternative text"


def test_every_figure_has_a_caption_and_a_name(executed):
    for cell in code_cells(executed):
        for bundle in pictures(cell):
            if 'class="explore"' not in bundle.get("text/html", ""):
                figure = cell.metadata.get("mystnb", {}).get("figure", {})
                assert figure.get("caption") and figure.get("name"), cell.id


def test_a_widget_needs_no_kernel(executed):
    assert "widgets" not in executed.metadata
    found = [b for c in code_cells(executed) for b in pictures(c) if "text/html" in b]
    assert any('class="explore"' in bundle["text/html"] for bundle in found)
    for cell in code_cells(executed):
        for output in cell.outputs:
            kinds = output.get("data", {})
            assert not any("widget" in kind for kind in kinds), cell.id


# ---- the notebooks as git keeps them


def test_code_that_only_draws_is_folded_where_it_is_long(source):
    for cell in code_cells(source):
        draws = "subplots(" in cell.source or "explore(" in cell.source
        folded = {"hide-input", "remove-cell", "skip-execution"}
        if draws and not folded & set(cell.metadata.get("tags", [])):
            assert len(cell.source.splitlines()) < LONG_DRAWING, cell.id


def test_what_is_printed_fits_beside_two_sidebars(executed):
    for cell in code_cells(executed):
        if "remove-cell" in cell.metadata.get("tags", []):
            continue
        for output in cell.outputs:
            shown = output.get("text") or output.get("data", {}).get("text/plain", "")
            has_picture = any(k.startswith("image/") for k in output.get("data", {}))
            lines = [] if has_picture else shown.splitlines()
            assert all(len(line) <= PRINTED for line in lines), cell.id


def test_only_marked_cells_keep_output_and_it_is_text(source):
    for cell in code_cells(source):
        if MARK in cell.source:
            assert cell.execution_count is not None, f"{cell.id}: nbval would skip it"
            assert cell.outputs, f"{cell.id}: run python -m tools store"
            assert not pictures(cell)
        else:
            assert not cell.outputs and cell.execution_count is None, cell.id


def test_cells_are_named_once_and_never_empty(source):
    ids = Counter(cell.id for cell in source.cells)
    assert max(ids.values()) == 1
    assert all(cell.source.strip() for cell in source.cells)


def test_no_cell_of_the_build_failed_or_warned(executed):
    for cell in code_cells(executed):
        for output in cell.outputs:
            assert output.output_type != "error", cell.id
            assert output.get("name") != "stderr", f"{cell.id}: {output.get('text')}"


def test_each_exercise_has_stub_check_and_a_solution_that_runs_the_check(source):
    cells = source.cells
    skipped = [
        c for c in code_cells(source) if "skip-execution" in c.metadata.get("tags", [])
    ]
    stubs = [c for c in skipped if "check_" not in c.source]
    checks = [c for c in skipped if "check_" in c.source]
    assert 3 <= len(stubs) == len(checks) <= 6
    for cell in skipped:
        assert "nbval-skip" in cell.metadata.tags, f"{cell.id}: nbval would run it"
    for check in checks:
        solved = [
            cell
            for cell in cells
            if cell.cell_type == "code"
            and cell not in skipped
            and cell.source.rstrip().endswith(check.source.strip())
        ]
        assert len(solved) == 1, f"no solution runs {check.source}"
        assert cells[cells.index(solved[0]) - 1].source.startswith(
            "```{solution-start}"
        )
        assert solved[0].source.startswith("def ") or "\ndef " in solved[0].source


def test_a_chapter_has_the_sections_every_chapter_has(source):
    headings = re.findall(
        r"(?m)^## (.+)$",
        "\n".join(c.source for c in source.cells if c.cell_type != "code"),
    )
    assert {"Where it fails", "Exercises", "What to remember"} <= set(headings)
    assert source.cells[0].source.startswith("# ")
    assert "<!-- machine record -->" in source.cells[0].source


def test_a_chapter_runs_within_its_budget(executed):
    build = executed.metadata["build"]  # a busy machine stretches the seconds
    assert (build.get("cpu_seconds") or build["seconds"]) <= 90 * 3  # 90 s on ours


# ---- the built pages


class Links(HTMLParser):
    """What a page points to, and what it can be pointed at."""

    def __init__(self, path):
        super().__init__()
        self.ids, self.links, self.loads, self.images = set(), [], [], []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.ids |= {attributes.get("id"), attributes.get("name")} - {None}
        if tag == "img":
            self.images.append(attributes)
        for key in ("href", "src"):
            if attributes.get(key):
                self.links.append(attributes[key])
                if tag in ("script", "img", "iframe") or (
                    tag == "link" and attributes.get("rel") != "canonical"
                ):
                    self.loads.append(attributes[key])


@pytest.fixture(scope="module")
def built():
    found = {
        path.resolve(): Links(path)
        for path in HTML.rglob("*.html")
        if "_static" not in path.parts
    }
    assert found, "no pages: run make book"
    return found


def test_every_page_of_the_contents_is_built(built):
    for page in PAGES:
        assert (HTML / page).with_suffix(".html").resolve() in built


def test_internal_links_lead_somewhere(built):
    for path, page in built.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (
                (path.parent / unquote(parts.path)).resolve() if parts.path else path
            )
            assert target.exists(), f"{path.name}: {link}"
            if parts.fragment and target in built:
                assert unquote(parts.fragment) in built[target].ids, (
                    f"{path.name}: {link}"
                )


def test_pages_load_nothing_from_elsewhere(built):
    for path, page in built.items():
        foreign = [link for link in page.loads if urlsplit(link).netloc]
        assert not foreign, f"{path.name}: {foreign}"


def test_every_image_of_a_page_is_described(built):
    for path, page in built.items():
        for image in page.images:
            alt = image.get("alt")
            assert alt is not None, f"{path.name}: {image}"
            assert not re.search(r"\.(png|svg|webp|jpe?g)$", alt), f"{path.name}: {alt}"


def test_no_page_shows_a_traceback(built):
    for path in built:
        text = path.read_text(encoding="utf-8")
        assert "Traceback (most recent call last)" not in text, path.name
