"""The part of the instructors' page that follows from the assignments themselves.

``python -m coursework.guide`` writes it into ``book/instructors.md``, between two
comments; a test fails if the page and the assignments differ.
"""

import ast
import re
import sys
from pathlib import Path

import yaml

from coursework.course import ROOT, Assignment, graded_cells, load_course
from coursework.question import Question

PAGE = ROOT / "book" / "instructors.md"
BEGIN = "<!-- from here on written by: python -m coursework.guide -->"
END = "<!-- to here -->"
DECIMAL = re.compile(r"\d+\.\d+|\d+(?= times| minutes| h\b)")


def main() -> int:
    """Bring the page up to date."""
    text = PAGE.read_text(encoding="utf-8")
    partial = PAGE.with_suffix(".partial")
    partial.write_text(replaced(text, sections()), encoding="utf-8")
    partial.replace(PAGE)
    return 0


def replaced(page: str, body: str) -> str:
    """The page with another text between the two comments.

    Raises:
        ValueError: If a comment is missing.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{PAGE} must contain {BEGIN} and {END}.")
    return f"{before}{BEGIN}\n\n{body}\n{END}{after}"


def sections() -> str:
    """One section for each assignment, in the order of the book."""
    course = load_course(None, 1)
    order = chapters()
    missing = [name for name in course.names if name not in order]
    if missing:
        raise ValueError(f"_toc.yml has no chapter for the coursework of {missing}.")
    names = sorted(course.names, key=list(order).index)
    return "\n".join(section(course.assignment(name), order[name]) for name in names)


def chapters() -> dict[str, str]:
    """The pages of the book by their name, in order: ``{name: path}`` under book/."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    files = [c["file"] for part in toc["parts"] for c in part["chapters"]]
    return {Path(file).name: file.removeprefix("book/") for file in files}


def section(assignment: Assignment, chapter: str) -> str:
    """What an instructor wants to know about an assignment before assigning it."""
    intro = assignment.notebook.cells[0].source
    title = intro.splitlines()[0].removeprefix("# ")
    minutes, aims = re.findall(r"about (\d+) minutes\. (.*)", intro)[0]
    by_program = sum(question.points for question in assignment.questions)
    cells = graded_cells(assignment.notebook).values()
    by_hand = sum(cell.metadata.nbgrader.points for cell in cells) - by_program
    rows = "".join(_row(assignment, question) for question in assignment.questions)
    mistakes = "\n".join(
        f"- {question.name}: {hint}"
        for question in assignment.questions
        for hint in question.mistakes
    )
    return (
        f"### {title}\n\nOn {{doc}}`{chapter}`, folder `{assignment.name}`. About "
        f"{_given(minutes, ' minutes')}; {by_program} points by the program, "
        f"{by_hand:g} by hand.\n\n> {aims}\n\n"
        "| question | points | function | returns |\n|---|---|---|---|\n"
        f"{rows}\n"
        f"{_dropdown('Mistakes that the feedback names', mistakes)}\n"
        f"{_dropdown('Rubric of the question read by a person', rubric(assignment))}"
    )


def _row(assignment: Assignment, question: Question) -> str:
    heading = next(
        cell.source.splitlines()[0]
        for cell in assignment.notebook.cells
        if cell.source.startswith(f"## {question.name[1:]}. ")
    )
    title = re.sub(r"^## \d+\. | \(.*", "", heading)
    call, returns = signature(assignment, question.function)
    returns = DECIMAL.sub(lambda number: _given(number[0]), returns)
    cells = f"{question.name}: {title}", question.points, f"`{call}`", returns
    return "".join(f"| {str(cell).replace('|', ' ')} " for cell in cells) + "|\n"


def signature(assignment: Assignment, function: str) -> tuple[str, str]:
    """A function of the notebook as it is called, and what its docstring promises."""
    for cell in assignment.notebook.cells:
        if cell.cell_type == "code" and f"def {function}(" in cell.source:
            for node in ast.walk(ast.parse(cell.source)):
                if isinstance(node, ast.FunctionDef) and node.name == function:
                    first = (ast.get_docstring(node) or "").splitlines()[0]
                    return f"{function}({ast.unparse(node.args)})", first
    raise ValueError(f"{assignment.name}: no cell defines {function}.")


def rubric(assignment: Assignment) -> str:
    """The rubric of the question that a person reads, as a list."""
    (answer,) = (
        cell.source
        for cell in assignment.notebook.cells
        if cell.cell_type == "markdown" and "BEGIN SOLUTION" in cell.source
    )
    text = answer.partition("**Rubric.**")[2].partition("### END")[0].strip()
    return "\n".join(f"- {part.strip()}" for part in text.split("\n\n"))


def _dropdown(title: str, text: str) -> str:
    marked = DECIMAL.sub(lambda number: _given(number[0]), text)
    return f"```{{admonition}} {title}\n:class: dropdown\n{marked}\n```\n"


def _given(number: str, unit: str = "") -> str:
    """A number that nobody measured, for the test of the book's numbers."""
    return f"{number}<!-- given: of the assignment -->{unit}"


if __name__ == "__main__":
    sys.exit(main())
