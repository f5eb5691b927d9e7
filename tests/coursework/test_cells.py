"""Which cells are run, and which text a person gets to read."""

import re

import pytest

from coursework.cells import cells_to_run, written_answers


def cell(source, grade_id=None, *, kind="code", **mark):
    if grade_id is not None:
        mark["grade_id"] = grade_id
    return {"kind": kind, "source": source, "mark": mark}


SETUP = cell("import math", "setup", locked=True)
TASK = cell("def f(): ...", "f", solution=True)
TEST = cell("f()", "q1", locked=True, grade=True)
ESSAY = cell("YOUR ANSWER", "q5", kind="markdown", grade=True, solution=True)
TITLE = cell("# Title", kind="markdown")
RELEASE = {"cells": [TITLE, SETUP, TASK, TEST, ESSAY]}


def run(*cells):
    return list(cells_to_run({"cells": list(cells)}, RELEASE).values())


def changed(known, source, **mark):
    return {**known, "source": source, "mark": {**known["mark"], **mark}}


def test_a_changed_locked_cell_is_run_before_ours():
    mine = changed(SETUP, "import math, torch")
    assert run(mine, TASK) == ["import math, torch", "import math", "def f(): ..."]
    assert run(SETUP, TASK, TEST) == ["import math", "def f(): ..."]


def test_a_copy_of_a_locked_cell_with_other_code_is_run_where_it_stands():
    mine = changed(TEST, "from functools import reduce")
    found = run(SETUP, mine, TASK, TEST)
    assert found == ["import math", "from functools import reduce", "def f(): ..."]
    assert run(SETUP, TASK, changed(TEST, "assert True")) == run(SETUP, TASK, TEST)


def test_the_release_says_which_cells_are_ours():
    assert (
        run(SETUP, changed(TASK, "def f(): pass", locked=True))[-1] == "def f(): pass"
    )
    assert run(SETUP, cell("x", ["q1", {}], locked=True))[-1] == "x"


def test_messages_name_a_code_cell_by_its_number_and_first_line():
    notebook = {"cells": [TITLE, SETUP, TITLE, cell("\n  \ndef g(x):\n    return x")]}
    assert "code cell 2 (def g(x):)" in cells_to_run(notebook, RELEASE)
    twice = cells_to_run({"cells": [cell("x = 1")] * 2}, RELEASE)
    assert len(twice) == 3  # two cells with the same text, and ours


@pytest.mark.parametrize(
    ("cells", "text", "note"),
    [
        ([changed(ESSAY, "mine")], "mine", ""),
        ([changed(ESSAY, "mine"), changed(ESSAY, "more")], "mine\n\nmore", ""),
        ([ESSAY], None, ""),
        ([TITLE, cell("mine", kind="markdown")], "mine", "no cell q5.*taken"),
        ([cell("mine", ["x"], kind="markdown")], "mine", "no cell q5.*taken"),
        ([TITLE, cell("# code")], None, "no cell q5.*no text"),
        ([changed(ESSAY, ""), cell("a note", kind="markdown")], None, ""),
    ],
)
def test_a_written_answer_is_found_or_missed_aloud(cells, text, note):
    texts, notes = written_answers({"cells": cells}, RELEASE)
    assert texts == ({} if text is None else {"q5": text})
    assert bool(notes) == bool(note)
    if note:
        assert re.search(note, notes[0])
