"""The graded copy of a notebook, from which nbgrader renders the feedback page."""

import copy
import html
import re
import shutil
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from coursework.intake import Submission
from coursework.ledger import Grade
from coursework.marking import Record
from coursework.scoring import Scored

STATUS = {True: "passed", False: "failed"}


def write_graded_copy(
    folder: Path, record: Record, submission: Submission, grade: Grade, release: Path
) -> None:
    """Write ``autograded/STUDENT/ASSIGNMENT``: the student's cells, our remarks.

    Outputs are dropped, locked cells restored, and missing ones added, so that the page
    has a place for every point.
    """
    released = nbformat.read(release, as_version=4)
    notebook = new_notebook(metadata=released.metadata)
    notebook.cells = [_opening(record, grade, submission.notes)]
    notebook.cells += _cells(submission, released, record.written)
    remarks = {scored.name: _remark(scored) for scored in record.questions}
    for cell in notebook.cells:
        name = cell.metadata.get("nbgrader", {}).get("grade_id")
        if name in remarks and cell.cell_type == "code":
            cell.outputs = [new_output("stream", name="stdout", text=remarks[name])]
    path = folder / "autograded" / record.student / record.assignment
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    if submission.when:
        (path / "timestamp.txt").write_text(submission.when.isoformat())
    nbformat.write(notebook, path / f"{record.assignment}.ipynb")


def _opening(record: Record, grade: Grade, notes: list[str]) -> nbformat.NotebookNode:
    total = f"{grade.total:g} of {sum(grade.out_of.values()):g}"
    lines = [f"{record.assignment}: {total} points so far"]
    if record.problem:
        lines.append(record.problem)
    lines += [*notes, *record.notes]
    if grade.pending:
        lines.append(f"Not graded yet, by a person: {', '.join(grade.pending)}")
    if grade.penalty:
        lines.append(f"{grade.days_late} days late: {grade.penalty:g} points less")
    for question, reason in grade.reasons.items():
        lines.append(f"{question} was changed by hand: {reason}")
    for name, text in record.cells.items():
        lines.append(f"\n{name} failed:\n{_indented(text)}")
    output = new_output("stream", name="stdout", text="\n".join(lines))
    return new_code_cell("# What the grader says about the notebook", outputs=[output])


def _remark(scored: Scored) -> str:
    lines = [f"{scored.points:g} of {scored.out_of:g} points"]
    for remark in scored.remarks:
        if remark.out_of:
            state = STATUS[remark.points == remark.out_of]
            lines.append(
                f"{state} ({remark.points:g} of {remark.out_of:g}): {remark.title}"
            )
        else:
            lines.append(f"{remark.title}:")
        if remark.text:
            lines.append(_indented(remark.text))
    return "\n".join(lines)


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines())


def _cells(
    submission: Submission, released: nbformat.NotebookNode, written: dict[str, str]
) -> list[nbformat.NotebookNode]:
    """The student's cells; whatever carries points is marked as in the release."""
    ours = {
        cell.metadata.nbgrader.grade_id: cell
        for cell in released.cells
        if "nbgrader" in cell.metadata
    }
    found, seen = [], set()
    for theirs in submission.notebook.get("cells", []):
        name = theirs["mark"].get("grade_id")
        known = ours.get(name) if type(name) is str and name not in seen else None
        if known is None:
            is_code = theirs["kind"] == "code"
            make = new_code_cell if is_code else new_markdown_cell
            found.append(make(theirs["source"] if is_code else _text(theirs)))
            continue
        seen.add(name)
        cell = copy.deepcopy(known)
        if known.metadata.nbgrader.solution:
            is_code = cell.cell_type == "code"
            cell.source = theirs["source"] if is_code else _text(theirs)
        found.append(cell)
    for name in ours:
        if name not in seen:
            cell = copy.deepcopy(ours[name])
            if name in written:
                cell.source = _text({"source": written[name]})
            found.append(cell)
    return found


def _text(cell: dict) -> str:
    """A student's Markdown without HTML, images, and links to anything but the web.

    A script in it would run in our browser; an image would tell who looks at it.
    """
    text = html.escape(cell["source"], quote=False).replace("&gt;", ">")
    text = text.replace("![", "! [")
    text = re.sub(r"\](?=\((?!https?://)|:(?!\s*https?://))", "] ", text)
    return re.sub(r"\\(?=(href|require|style|cssId|class)\b)", "", text)
