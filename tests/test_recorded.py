"""The text agrees with the values that git keeps, on every machine."""

import json
from pathlib import Path

import nbformat
import pytest

from tools import store
from tools.book import pages
from tools.prose import Cell, Chapter, read_chapter
from tools.recorded import (
    check_closely,
    code_of,
    read_values,
    renewed,
    write_values,
)

ROOT = Path(__file__).parents[1]
CHAPTERS = [page for page in pages(ROOT) if page.endswith(".ipynb")]
BOOK = read_values(ROOT)


def chapter(source):
    return Chapter("a_chapter", [Cell(0, "markdown", source)])


@pytest.mark.parametrize("page", CHAPTERS)
def test_every_number_of_the_text_is_the_value_kept(page):
    problems = check_closely(read_chapter(ROOT / page), BOOK[page]["values"])
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("page", CHAPTERS)
def test_the_values_kept_are_of_this_code(page):
    cells = read_chapter(ROOT / page).cells
    code = code_of(cell.source for cell in cells if cell.kind == "code")
    assert BOOK[page]["code"] == code, "run make book and make store"


def test_chapters_that_are_gone_are_not_kept():
    assert set(BOOK) == set(CHAPTERS)


@pytest.mark.parametrize(
    ("text", "agreeing", "disagreeing"),
    [
        ("4e-6<!-- claim: x -->", (3.5e-6, 4.5e-6), (3.4e-6, 4.6e-6, 2e-4, -4e-6)),
        ("$4 \\times 10^{-6}$<!-- claim: x -->", (4e-6,), (5e-6,)),
        ("$10^{-7}$<!-- claim: x -->", (6e-8, 1.9e-7), (4e-8, 2.1e-7, -1e-7)),
        ("0.050<!-- claim: x -->", (0.0505,), (0.0506, 0.049)),
        ("1.00<!-- claim: x -->", (0.996,), (0.99, 1.5)),
        ("6600<!-- claim: x --> times", (6578, 6650), (6549, 6651)),
        ("50 %<!-- claim: x -->", (0.504,), (0.51, 0.49)),
        ("-0.5<!-- claim: x -->", (-0.5,), (0.5,)),
        ("1.5<!-- claim: x at most -->", (1.5, 0.51), (0.49, 4.6, 0)),
        ("300<!-- claim: x at least -->", (300, 899), (901, 99)),
        ("1e-12<!-- claim: x at most, but for rounding -->", (0, 1e-17), ()),
        ("0.1<!-- claim: x at most, but for rounding -->", (), (0, 0.1)),
    ],
)
def test_the_text_is_the_value_rounded(text, agreeing, disagreeing):
    for value in agreeing:
        assert check_closely(chapter(text), {"x": value}) == []
    for value in disagreeing:
        (problem,) = check_closely(chapter(text), {"x": value})
        assert "a_chapter, cell 0" in problem


def test_a_claim_without_a_value_is_found():
    (problem,) = check_closely(chapter("0.5<!-- claim: x -->"), {})
    assert "make store" in problem


def test_a_value_stays_while_the_code_and_the_text_do():
    page = chapter("0.50<!-- claim: x --> and 3<!-- claim: y -->")
    old = {"code": "same", "values": {"x": 0.5, "y": 5.0, "gone": 1.0}}
    other = [{"name": "x", "value": 0.51234567}, {"name": "y", "value": 3.1}]
    kept = renewed(page, "same", old, other)
    assert kept == {"code": "same", "values": {"x": 0.5, "y": 3.1}}  # 5 was no 3
    fresh = renewed(page, "changed", old, other)
    assert fresh == {"code": "changed", "values": {"x": 0.512346, "y": 3.1}}
    assert renewed(page, "same", {}, other)["values"] == fresh["values"]


def test_storing_a_chapter_keeps_its_values(tmp_path, monkeypatch):
    notebook = nbformat.v4.new_notebook()
    notebook.cells = [
        nbformat.v4.new_markdown_cell("It is 0.50<!-- claim: x -->."),
        nbformat.v4.new_code_cell("claim('x', 0.5)"),
    ]
    build = {"claims": [{"name": "x", "value": 0.5}]}
    executed = notebook | {"metadata": {"build": build}}
    (tmp_path / "tools").mkdir()
    nbformat.write(notebook, tmp_path / "a.ipynb")
    monkeypatch.setattr(store, "ROOT", tmp_path)
    monkeypatch.setattr(store, "pages", lambda root: ["index.md", "a.ipynb"])
    monkeypatch.setattr(
        store, "executed_chapter", lambda *_: nbformat.from_dict(executed)
    )
    write_values(tmp_path, {"gone.ipynb": {"code": "", "values": {}}})
    assert store.main() == 0
    book = json.loads((tmp_path / "tools" / "claims.json").read_text())
    assert book["a.ipynb"]["values"] == {"x": 0.5} and list(book) == ["a.ipynb"]
