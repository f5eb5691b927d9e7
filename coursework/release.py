"""``make coursework``: the student release, stripped by nbgrader.

``python -m coursework.release`` writes ``_build/coursework/<variant>/``, for a private
course ``_build/coursework/<its folder>-<variant>/``; what students get is the folder
``release`` in it. It takes VARIANT and COURSE from the environment.
"""

import copy
import os
import re
import shutil
import sys
from pathlib import Path

import nbformat

from coursework.course import ROOT, Assignment, Course, CourseError, load_course
from coursework.nbgrader_course import register
from coursework.question import Code
from coursework.written import example_cell, variant_cell

SOLUTIONS = re.compile(r"BEGIN (SOLUTION|HIDDEN TESTS|MARK SCHEME)")
REQUIREMENTS = "numpy>=1.26\ntorch>=2.4\nmatplotlib>=3.8\njupyterlab>=4.0\n"
README = """\
# Coursework

One folder per assignment, one notebook in each.

**To run it** on your own machine, with Python 3.11 or newer:

    python -m pip install -r requirements.txt
    jupyter lab

On a JupyterHub, upload the notebook and open it. On Google Colab choose *File, Upload
notebook*; everything it needs is installed there.

**To solve it**, replace `raise NotImplementedError()` in the cells that say so, and
write below the last question. Below each question there is an example with its right
answer. Do not rename the functions and do not delete cells; you may add as many as you
like. Before you submit: restart the kernel and run all cells.

**To submit it**, hand in the `.ipynb` file under its own name, in the way your
instructor told you. Submit the notebook, not a PDF, and save it after you ran it.

**How it is graded.** A program runs your notebook without a network and with limits:
20 seconds for a cell, 2 GB of memory, and only the libraries named in
`requirements.txt`. Then it calls your functions with arguments that you have not seen
and looks at the numbers they return. Compute in float64: numbers in float32 are not
exact enough. The cells with the examples are not run, so changing them changes nothing.
A cell that fails does not spoil the others. A person reads the last question; its text
belongs into the cell below it.

It is Python that runs, not Jupyter: `display` shows nothing, `!` and `%` commands do
nothing (`%%time`, `%%timeit` and `%%capture` leave the cell as it is), and cells that
begin with another `%%` command are not run. There are no widgets, no `input()`, and no
files beside the notebook.

**Your feedback** is an HTML page: your notebook with the points, and for each check
that failed, why. It shows no hidden numbers.
"""


def build(course: Course, folder: Path) -> list[Assignment]:
    """Write ``source`` and ``release`` of a course, and register its points.

    Args:
        course: Which assignments, salt and variant.
        folder: The root of an nbgrader course; its gradebook is kept.

    Returns:
        The assignments of the course.

    Raises:
        CourseError: If an assignment is inconsistent, or a solution would be released.
    """
    assignments = [course.assignment(name) for name in course.names]
    if not assignments:
        raise CourseError(f"{course.source} holds no assignment.")
    for name in ("source", "release"):
        shutil.rmtree(folder / name, ignore_errors=True)
    for assignment in assignments:
        path = folder / "source" / assignment.name / f"{assignment.name}.ipynb"
        path.parent.mkdir(parents=True)
        notebook = filled_in(assignment)
        notebook.metadata["coursework"]["edition"] = course.edition
        nbformat.write(notebook, path)
    register(folder, [assignment.name for assignment in assignments])
    release = folder / "release"
    (release / "README.md").write_text(README)
    (release / "requirements.txt").write_text(REQUIREMENTS)
    for path in release.rglob("*.ipynb"):
        check_stripped(path)
    return assignments


def filled_in(assignment: Assignment) -> nbformat.NotebookNode:
    """The instructor's notebook with the numbers of a variant in it."""
    notebook = copy.deepcopy(assignment.notebook)
    questions = {question.name: question for question in assignment.questions}
    for cell in notebook.cells:
        name = cell.metadata.get("nbgrader", {}).get("grade_id")
        if "variant" in cell.metadata.get("tags", []):
            cell.source = variant_cell(assignment.parameters)
        elif name in questions:
            cell.source = example_cell(questions[name], assignment.parameters)
        elif cell.cell_type == "markdown":
            cell.source = _with_values(cell.source, assignment)
            cell.source = re.sub(r"<!-- given: .*? -->", "", cell.source)
    notebook.metadata["coursework"] = {"assignment": assignment.name}
    return notebook


def _with_values(text: str, assignment: Assignment) -> str:
    def value(match: re.Match[str]) -> str:
        if match[1] not in assignment.parameters:
            raise CourseError(f"{assignment.name}: no parameter is called {match[1]}.")
        found = assignment.parameters[match[1]]
        return found.source if isinstance(found, Code) else str(found)

    return re.sub(r"\{\{\s*(\w+)\s*\}\}", value, text)


def check_stripped(path: Path) -> None:
    """Refuse a released notebook in which a solution is left.

    Raises:
        CourseError: If there is one.
    """
    for cell in nbformat.read(path, as_version=4).cells:
        if SOLUTIONS.search(cell.source) or cell.get("outputs"):
            raise CourseError(f"{path} still holds a solution or an output.")


def main() -> int:
    """Build the release that the environment asks for."""
    try:
        variant = int(os.environ.get("VARIANT") or 0)
        course = load_course(os.environ.get("COURSE"), variant)
        folder = ROOT / "_build" / "coursework" / course.label
        assignments = build(course, folder)
    except (CourseError, ValueError) as error:
        print(f"make coursework: {error}")
        return 1
    if not os.environ.get("COURSE"):
        print("Open edition: its solutions are public. See book/instructors.md.")
    for assignment in assignments:
        points = sum(question.points for question in assignment.questions)
        print(f"  {assignment.name}: {points} points by the grader")
    print(f"Release: {folder / 'release'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
