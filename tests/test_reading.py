"""The reading time: its rule, and that every chapter states it once."""

import re
from pathlib import Path

import nbformat
import pytest

from tools import reading
from tools.book import RECORD, pages

ROOT = Path(__file__).parents[1]
CHAPTERS = [page for page in pages(ROOT) if page.endswith(".ipynb")]


def notebook(*cells):
    """Markdown as text, code as a list of lines."""
    made = [
        nbformat.v4.new_code_cell("\n".join(cell))
        if isinstance(cell, list)
        else nbformat.v4.new_markdown_cell(cell)
        for cell in cells
    ]
    return nbformat.v4.new_notebook(cells=made)


TEN_MINUTES = "word " * 10 * reading.WORDS
EXERCISES = "\n\n## Exercises\n\n"


@pytest.mark.parametrize(
    ("cells", "minutes"),
    [
        ([TEN_MINUTES], 10),
        ([TEN_MINUTES, ["x = 1", ""] * 100], 15),  # 100 lines of 3 s, empty ones none
        ([TEN_MINUTES + "$$a + b + c = d$$\n\n" * 15], 15),  # 15 formulas of 20 s
        ([TEN_MINUTES + "\\begin{align}a\\end{align}\n\n" * 15], 15),
        ([TEN_MINUTES + "<!-- a comment that nobody reads -->" * 300], 10),
        ([TEN_MINUTES + EXERCISES + TEN_MINUTES, ["x = 1"] * 200], 10),
        ([TEN_MINUTES + EXERCISES, "## What to remember\n\n" + TEN_MINUTES], 20),
        (["Short."], 5),
    ],
)
def test_words_formulas_and_code_take_their_time(cells, minutes):
    assert reading.minutes(notebook(*cells)) == minutes


def test_code_that_is_folded_away_takes_none():
    made = notebook(TEN_MINUTES, ["x = 1"] * 200)
    made.cells[1].metadata["tags"] = ["hide-input"]
    assert reading.minutes(made) == 10


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_the_opening_says_once_how_long_it_takes(chapter):
    built = (ROOT / "_build" / "html" / chapter).with_suffix(".html")
    page = re.sub(r"\s+", " ", built.read_text(encoding="utf-8"))
    said = re.findall(
        r"Read(?:ing|ing it) takes about ([\w ]+?)(?: minutes)?[,.]", page
    )
    shown = nbformat.read(ROOT / chapter, as_version=4)
    assert said == [str(reading.minutes(shown))]
    assert 10 <= reading.minutes(shown) <= 90
    tested = r"Tested on \d{4}-\d\d-\d\d: all cells ran in \d+ s.* on \d+ cores \("
    assert re.search(said[0] + r" minutes.*?\. " + tested, page)
    (opening,) = RECORD.findall(shown.cells[0].source)
    assert opening


def test_the_rule_is_the_one_that_is_used():
    front = (ROOT / "_build/html/book/index.html").read_text(encoding="utf-8")
    assert reading.RULE in re.sub(r"\s+", " ", front)
    for number in (reading.WORDS, reading.DISPLAYED, reading.LINE):
        assert str(number) in reading.RULE
