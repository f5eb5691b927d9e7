"""Indexes and glossary: whole, made from the sources, linked from first uses."""

import json
import re
from pathlib import Path

import pytest

from tools.apparatus import filled, linked, statements, terms, used
from tools.book import pages

ROOT = Path(__file__).parents[1]
CHAPTERS = [page for page in pages(ROOT) if page.endswith(".ipynb")]


@pytest.fixture
def project(tmp_path):
    """A project of one chapter and one module."""
    text = (
        "# A chapter\n\n```{prf:theorem} Euler\n:label: thm-euler\n\nTrue.\n```\n"
        "```{prf:definition}\n:label: def-state\n\nA state.\n```"
    )
    cells = [
        {"cell_type": "markdown", "metadata": {}, "source": text, "id": "a"},
        {
            "cell_type": "code",
            "metadata": {},
            "source": "from lecture_utils.systems import Pendulum\nUnused = 1",
            "id": "b",
            "outputs": [],
            "execution_count": None,
        },
    ]
    notebook = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (tmp_path / "book").mkdir()
    (tmp_path / "book" / "one.ipynb").write_text(json.dumps(notebook))
    (tmp_path / "lecture_utils").mkdir()
    (tmp_path / "lecture_utils" / "systems.py").write_text(
        "class Pendulum:\n"
        '    r"""Pendulum, :math:`|x|` small (Sec. 1). It swings."""\n\n'
        "class Unused:\n"
        '    """Nobody."""\n\n'
        "def _hidden(): ...\n"
    )
    return tmp_path


def test_every_statement_is_listed_with_its_chapter(project):
    rows = statements(project, ["book/one.ipynb"]).splitlines()[2:]
    assert rows == [
        "| {prf:ref}`thm-euler` | Euler | {doc}`/book/one` |",
        "| {prf:ref}`def-state` | definition | {doc}`/book/one` |",
    ]


def test_what_a_chapter_uses_is_listed_with_the_first_sentence(project):
    rows = used(project, ["book/one.ipynb"], ("systems",)).splitlines()[2:]
    assert rows == [
        "| `Pendulum` | Pendulum, $\\|x\\|$ small (Sec. 1). | {doc}`/book/one` |"
    ]


def test_every_marker_of_our_pages_is_replaced():
    found = ""
    for page in ("book/indexes.md", "book/errata.md"):
        text = (ROOT / page).read_text(encoding="utf-8")
        assert "<!-- " in text
        found += filled(ROOT, text, CHAPTERS)
    assert "<!-- " not in found
    labels = sum(
        (ROOT / chapter).read_text(encoding="utf-8").count("{prf:theorem}")
        for chapter in CHAPTERS
    )
    assert found.count("| {prf:ref}`thm-") == labels > 0
    assert "| `VanDerPol` |" in found and "| `rk4_step` |" in found
    assert found.count("@incollection{") == len(CHAPTERS)


def test_only_the_first_bold_use_of_a_term_links():
    unseen = {"flow map", "order"}
    first = linked("A **flow map** and **another**, a **flow map**.", unseen)
    assert first == "A **{term}`flow map`** and **another**, a **flow map**."
    assert unseen == {"order"}
    assert linked("**flow map**", unseen) == "**flow map**"


def test_the_first_use_in_running_text_links_too_but_no_common_word():
    unseen = {"flow map", "order", "symplectic"}
    text = (
        "# A flow map\n\n`flow map` $flow map$ in order.\n\nTwo flow maps, a flow map."
    )
    found = linked(text, unseen)
    assert found == text.replace("Two flow maps", "Two {term}`flow maps <flow map>`")
    assert unseen == {"order", "symplectic"}
    assert linked("symplecticity, pseudo-symplectic", unseen).count("{term}") == 0
    inside = "```{prf:theorem} T\n:label: thm-t\n\nsymplectic\n```"
    assert linked(inside, unseen) == inside
    assert linked(f"{inside}\nA symplectic map.", unseen).endswith(
        "{term}`symplectic` map."
    )


@pytest.mark.parametrize("term", sorted(terms(ROOT)))
def test_a_term_of_the_glossary_is_introduced_in_bold_somewhere(term):
    texts = [(ROOT / chapter).read_text(encoding="utf-8") for chapter in CHAPTERS]
    assert any(f"**{term}**" in text for text in texts)


def test_the_glossary_is_in_order_and_explains_each_term():
    text = (ROOT / "book" / "glossary.md").read_text(encoding="utf-8")
    entries = re.findall(r"(?m)^(?!:|```)(\S.*)\n  (\S.*)", text.split("{glossary}")[1])
    names = [name for name, _ in entries]
    assert set(names) == terms(ROOT) and len(names) > 20
    assert names == sorted(names, key=lambda name: name.lower().replace("é", "e"))
    assert all(len(explained.split()) >= 3 for _, explained in entries)
