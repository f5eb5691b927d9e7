"""The two tables that an instructor may put beside the submissions."""

import csv
import io
import math
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

STUDENTS, OVERRIDES = "students.csv", "overrides.csv"


@dataclass(frozen=True)
class Student:
    """A person of the class list; everything but ``student`` may be empty."""

    student: str
    submitted_as: str = ""  # name of the folder or start of the file name
    name: str = ""
    email: str = ""
    canvas_id: str = ""
    sis_id: str = ""
    moodle_id: str = ""


class Change(NamedTuple):
    """Points given by hand, why, and where that stands."""

    points: float
    reason: str
    where: str


Overrides = dict[tuple[str, str, str], Change]


def class_list(folder: Path) -> dict[str, Student]:
    """``students.csv`` of a folder of submissions, by student; empty without one.

    Raises:
        ValueError: If it cannot be read, or has no column ``student``.
    """
    known = Student.__dataclass_fields__
    people = {}
    for where, row in _rows(folder / STUDENTS, "student"):
        wanted = {k: v for k, v in row.items() if k in known}
        if wanted["student"]:
            wanted["student"] = safe_name(wanted["student"])
            wanted["submitted_as"] = normal(wanted.get("submitted_as", ""))
            if wanted["student"] in people:
                raise ValueError(f"{where}: {row['student']!r} stands there twice.")
            people[wanted["student"]] = Student(**wanted)
    return people


def overrides(folder: Path) -> Overrides:
    """``overrides.csv``, by (student, assignment, question).

    Raises:
        ValueError: If it cannot be read, a row has no reason, or points that are no
            number from 0 on.
    """
    found = {}
    columns = ("student", "assignment", "question", "points", "reason")
    for where, row in _rows(folder / OVERRIDES, *columns):
        if not row["reason"]:
            raise ValueError(f"{where}: an override needs a reason.")
        try:
            points = float(row["points"])
        except ValueError:
            points = math.nan
        if not 0 <= points < math.inf:
            raise ValueError(
                f"{where}: points must be a number from 0 on, such as 4.5, not "
                f"{row['points']!r}."
            )
        key = (safe_name(row["student"]), row["assignment"], row["question"])
        found[key] = Change(points, row["reason"], where)
    return found


def _rows(path: Path, *needed: str) -> Iterator[tuple[str, dict[str, str]]]:
    """The rows of a table, each with the words that say where it stands."""
    if not path.exists():
        return
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise ValueError(
            f"{path.name}, line {line}: not in UTF-8. Save it as 'CSV UTF-8'."
        ) from error
    header = text.partition("\n")[0]
    # Excel writes semicolons where the decimal sign is a comma.
    separator = ";" if ";" in header and "," not in header else ","
    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=separator)
    names = [(name or "").strip() for name in rows.fieldnames or []]
    missing = [name for name in needed if name not in names]
    if missing:
        raise ValueError(
            f"{path.name}, line 1: there must be the columns {', '.join(needed)}; "
            f"missing: {', '.join(missing)}; found: {', '.join(names) or 'nothing'}."
        )
    rows.fieldnames = names
    for row in rows:
        found = {k: (v or "").strip() for k, v in row.items() if isinstance(k, str)}
        yield f"{path.name}, line {rows.line_num}", found


def normal(label: str) -> str:
    """One form of a name: macOS writes an accent as a letter of its own."""
    return unicodedata.normalize("NFC", label.strip())


def safe_name(label: str) -> str:
    """A student's name for folders and the gradebook."""
    return re.sub(r"[^\w.@-]+", "-", normal(label)).strip(".-") or "nameless"
