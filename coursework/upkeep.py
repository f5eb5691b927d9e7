"""What is looked at before anything is judged: that the folders and tables fit."""

import shutil
from pathlib import Path

from coursework.course import Assignment, Course, CourseError, graded_cells
from coursework.intake import Submission
from coursework.people import Overrides
from coursework.tell import tell

PERSONAL = ("autograded", "feedback", "judged", "results")  # a folder for each student


def check_edition(found: list[Submission], course: Course) -> None:
    """Warn of notebooks released with another salt or variant.

    Raises:
        CourseError: If all are.
    """
    marks = [(s, s.notebook.get("metadata", {}).get("coursework")) for s in found]
    marked = [(s, m["edition"]) for s, m in marks if type(m) is dict and "edition" in m]
    foreign = [s for s, edition in marked if edition != course.edition]
    if foreign and len(foreign) == len(marked):
        raise CourseError(
            f"All notebooks ({len(foreign)}) were released for another course or "
            f"variant than this one, variant {course.variant}. Pass the COURSE and the "
            "VARIANT of the release."
        )
    for submission in foreign:
        submission.notes.append("This notebook is of another course or variant.")
        tell(f"  {submission.path}: released for another course or variant.")


def check_changes(
    changes: Overrides,
    found: dict[tuple[str, str], Submission],
    assignments: dict[str, Assignment],
) -> None:
    """Say which overrides fit nothing.

    Raises:
        ValueError: If one gives more points than there are.
    """
    for (student, name, question), change in changes.items():
        known = (student, name) in found and name in assignments
        cell = graded_cells(assignments[name].notebook).get(question) if known else None
        if cell is None:
            tell(f"{change.where}: {student}, {name}, {question} fits nothing: ignored")
        elif change.points > cell.metadata.nbgrader.points:
            raise ValueError(
                f"{change.where}: {question} has {cell.metadata.nbgrader.points:g} "
                f"points, not {change.points:g}."
            )


def forget_strangers(folder: Path, students: set[str]) -> None:
    """Remove the pages of those who are no longer among the submissions."""
    for kind in PERSONAL:
        for path in (folder / kind).glob("*"):
            if path.is_dir() and path.name not in students:
                shutil.rmtree(path)
