"""What makes a chapter stale, and what a failing one says. On a toy project."""

import os

import nbformat
import pytest

from tools import execute
from tools.execute import ChapterError, executed_chapter, stored_path

CHAPTER = "book/part/toy.ipynb"


def toy_notebook(*sources):
    cells = [nbformat.v4.new_markdown_cell("# Toy\n\n## A section")]
    cells += [nbformat.v4.new_code_cell(source) for source in sources]
    for i, cell in enumerate(cells):
        cell["id"] = f"cell-{i}"
    return nbformat.v4.new_notebook(cells=cells)


@pytest.fixture
def project(tmp_path):
    """A book of one chapter that imports one module, which imports another."""
    (tmp_path / "book/part").mkdir(parents=True)
    (tmp_path / "results").mkdir()
    (tmp_path / "requirements.txt").write_text("nothing==1.0\n")
    (tmp_path / "outer.py").write_text("from inner import NUMBER\n")
    (tmp_path / "inner.py").write_text("NUMBER = 1\n")
    (tmp_path / "unused.py").write_text("NUMBER = 7\n")
    (tmp_path / "results/table.json").write_text("[1]")
    (tmp_path / "toy.mplstyle").write_text("lines.linewidth: 2\n")
    nbformat.write(
        toy_notebook(
            "import os, json\nfrom outer import NUMBER\nos.environ['BOOK_STATIC']",
            "text = open('../../results/table.json').read()\n"
            "open('../../toy.mplstyle').read()\nprint(NUMBER, text)",
        ),
        tmp_path / CHAPTER,
    )
    return tmp_path


@pytest.fixture
def runs(monkeypatch):
    """Counts executions."""
    count = []
    real = execute._execute
    monkeypatch.setattr(
        execute, "_execute", lambda *a: (count.append(a[1]), real(*a))[1]
    )
    return count


def printed(notebook):
    return notebook.cells[2].outputs[0]["text"]


def test_a_chapter_runs_again_exactly_when_something_it_reads_changes(project, runs):
    assert printed(executed_chapter(project, CHAPTER)) == "1 [1]\n"
    executed_chapter(project, CHAPTER)
    (project / "unused.py").write_text("NUMBER = 8\n")
    (project / "book/part/page.md").write_text("# A page beside it\n")
    executed_chapter(project, CHAPTER)
    assert len(runs) == 1

    # Imported by what it imports. Of another length: Python compiles a module anew
    # only if its size differs, or the second in which it was written.
    (project / "inner.py").write_text("NUMBER = 1 + 1\n")
    assert printed(executed_chapter(project, CHAPTER)) == "2 [1]\n"
    (project / "results/table.json").write_text("[3]")
    assert printed(executed_chapter(project, CHAPTER)) == "2 [3]\n"
    (project / "toy.mplstyle").write_text("lines.linewidth: 3\n")
    executed_chapter(project, CHAPTER)
    (project / "requirements.txt").write_text("nothing==1.1\n")
    executed_chapter(project, CHAPTER)
    executed_chapter(project, CHAPTER)
    assert len(runs) == 5

    notebook = nbformat.read(project / CHAPTER, as_version=4)
    notebook.cells[2].source = "print('changed')"
    nbformat.write(notebook, project / CHAPTER)
    assert printed(executed_chapter(project, CHAPTER)) == "changed\n"


def test_editing_prose_executes_nothing_and_is_shown(project, runs):
    executed_chapter(project, CHAPTER)
    notebook = nbformat.read(project / CHAPTER, as_version=4)
    notebook.cells[0].source = "# Another title"
    nbformat.write(notebook, project / CHAPTER)
    again = executed_chapter(project, CHAPTER)
    assert len(runs) == 1
    assert again.cells[0].source == "# Another title" and printed(again) == "1 [1]\n"


def test_an_unreadable_store_is_made_again(project, runs):
    executed_chapter(project, CHAPTER)
    stored_path(project, CHAPTER).write_text("{ cut off")
    assert printed(executed_chapter(project, CHAPTER)) == "1 [1]\n"
    assert len(runs) == 2


def test_a_failing_cell_names_chapter_and_cell_and_stores_nothing(project):
    nbformat.write(toy_notebook("fine = 1", "fine / 0", "fine"), project / CHAPTER)
    with pytest.raises(ChapterError) as caught:
        executed_chapter(project, CHAPTER)
    message = str(caught.value)
    assert "book/part/toy.ipynb: cell 3 of 4 (id cell-2" in message
    assert '"A section"' in message and "ZeroDivisionError" in message
    assert not stored_path(project, CHAPTER).exists()


def test_a_kernel_that_dies_is_named_too(project):
    nbformat.write(toy_notebook("import os; os._exit(1)"), project / CHAPTER)
    with pytest.raises(ChapterError, match=r"toy.ipynb: cell 2 of 2"):
        executed_chapter(project, CHAPTER)


def test_stubs_of_exercises_are_not_run(project):
    notebook = toy_notebook("1 / 0", "print('after')")
    notebook.cells[1].metadata["tags"] = ["skip-execution"]
    nbformat.write(notebook, project / CHAPTER)
    assert printed(executed_chapter(project, CHAPTER)) == "after\n"


def test_claims_are_kept_with_the_outputs(project):
    nbformat.write(
        toy_notebook("from lecture_utils.claims import claim\nclaim('answer', 42.0)"),
        project / CHAPTER,
    )
    for _ in range(2):  # the second time from the store
        build = executed_chapter(project, CHAPTER).metadata["build"]
        (record,) = build["claims"]
        assert record["name"] == "answer" and record["value"] == 42.0
    assert build["machine"]["cores"] >= 1 and build["seconds"] > 0
    assert 0 < build["cpu_seconds"] < 60 or os.name == "nt"
