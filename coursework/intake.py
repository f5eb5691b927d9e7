"""What was handed in: found, attributed to students, and read with suspicion.

Nothing here executes or trusts a notebook; a file that cannot be read costs its student
a message and nobody else anything.
"""

import csv
import hashlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

LARGEST = 20 * 1024**2  # bytes
MOST_CELLS = 1000
STUDENTS, OVERRIDES = "students.csv", "overrides.csv"


class Unreadable(Exception):
    """A submitted file is no notebook we can grade; says why, to the student."""


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


@dataclass
class Submission:
    """One notebook of one student, or the lack of it."""

    student: str
    assignment: str
    when: datetime | None = None
    digest: str = "missing"
    notebook: dict = field(default_factory=dict)
    problem: str = ""


def class_list(folder: Path) -> dict[str, Student]:
    """``students.csv`` of a folder of submissions, by student; empty without one."""
    known = Student.__dataclass_fields__
    people = {}
    for row in _rows(folder / STUDENTS):
        wanted = {k: (v or "").strip() for k, v in row.items() if k in known}
        if wanted.get("student"):
            wanted["student"] = safe_name(wanted["student"])
            people[wanted["student"]] = Student(**wanted)
    return people


def overrides(folder: Path) -> dict[tuple[str, str, str], tuple[float, str]]:
    """``overrides.csv``: {(student, assignment, question): (points, reason)}.

    Raises:
        ValueError: If a row has no reason, or points that are no number.
    """
    found = {}
    for i, row in enumerate(_rows(folder / OVERRIDES), start=2):
        reason = (row.get("reason") or "").strip()
        if not reason:
            raise ValueError(f"{OVERRIDES}, line {i}: an override needs a reason.")
        key = (safe_name(row["student"]), row["assignment"], row["question"])
        found[key] = (float(row["points"]), reason)
    return found


def _rows(path: Path) -> Iterator[dict[str, str]]:
    if path.exists():
        with path.open(newline="", encoding="utf-8-sig") as lines:
            yield from csv.DictReader(lines)


def submissions(folder: Path, assignments: list[str]) -> list[Submission]:
    """Every student's submission of every assignment that anybody handed in.

    Accepted are ``STUDENT/ASSIGNMENT/x.ipynb``, ``STUDENT/x.ipynb`` (nbgrader, Moodle)
    and ``STUDENT_x.ipynb`` (Canvas); the assignment is recognised by its name in the
    path, or by what the release wrote into the notebook.
    """
    people = class_list(folder)
    aliases = {p.submitted_as: p.student for p in people.values() if p.submitted_as}
    newest: dict[tuple[str, str], Submission] = {}
    students = set(people)
    for entry in sorted(folder.iterdir()):
        if entry.is_dir() and not entry.name.startswith((".", "__")):
            students.add(_student(entry.name, aliases))
    for path in sorted(folder.rglob("*.ipynb")):
        parts = list(path.relative_to(folder).parts)
        if any(part.startswith((".", "__MACOSX")) for part in parts):
            continue
        label = parts[0] if len(parts) > 1 else Path(parts[0]).stem
        student = _student(label, aliases, is_file=len(parts) == 1)
        students.add(student)
        found = _read_submission(path, student, parts, assignments)
        key = (student, found.assignment)
        if found.assignment and _is_newer(found, newest.get(key)):
            newest[key] = found
    handed_in = sorted({assignment for _, assignment in newest})
    for student in students:
        for assignment in handed_in:
            missing = Submission(student, assignment, problem="Nothing was handed in.")
            newest.setdefault((student, assignment), missing)
    return [newest[key] for key in sorted(newest)]


def _student(label: str, aliases: dict[str, str], *, is_file: bool = False) -> str:
    for alias in sorted(aliases, key=len, reverse=True):
        if label == alias or label.startswith(f"{alias}_"):
            return aliases[alias]
    return safe_name(label.split("_")[0] if is_file else label)


def safe_name(label: str) -> str:
    """A student's name for folders and the gradebook."""
    return re.sub(r"[^\w.@-]+", "-", label.strip()).strip(".-") or "nameless"


def _is_newer(found: Submission, other: Submission | None) -> bool:
    if other is None or bool(other.problem) != bool(found.problem):
        return other is None or bool(other.problem)
    known = (found.when, other.when)
    return None not in known and known[0] > known[1]  # type: ignore[operator]


def _read_submission(
    path: Path, student: str, parts: list[str], assignments: list[str]
) -> Submission:
    text = "/".join(parts)
    named = [name for name in assignments if name in text]
    found = Submission(student, max(named, key=len, default=""), _handed_in(path))
    try:
        data = _bytes(path)
        found.digest = hashlib.sha256(data).hexdigest()
        found.notebook = read_notebook(data)
    except Unreadable as error:
        found.problem = str(error)
    written = found.notebook.get("metadata", {}).get("coursework")
    if not found.assignment and type(written) is dict:
        name = written.get("assignment")
        found.assignment = name if name in assignments else ""
    if not found.assignment and len(assignments) == 1:
        found.assignment = assignments[0]
    if not found.assignment:
        print(f"  {text}: which assignment is this? Put its name into the path.")
    return found


def _handed_in(path: Path) -> datetime | None:
    stamp = path.parent / "timestamp.txt"
    if not stamp.is_file() or stamp.is_symlink():
        return None
    text = stamp.read_text(encoding="utf-8", errors="replace").strip()
    text = re.sub(r"\s+(UTC|Z)$", "+00:00", text.split(".")[0])
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return None
    return when if when.tzinfo else when.astimezone()


def _bytes(path: Path) -> bytes:
    if path.is_symlink() or not path.is_file():
        raise Unreadable("What was handed in is a link or no file.")
    if path.stat().st_size > LARGEST:
        size = path.stat().st_size / 1024**2
        raise Unreadable(
            f"The notebook has {size:.0f} MB, more than {LARGEST // 1024**2}. Clear "
            "its outputs and hand it in again."
        )
    with os.fdopen(os.open(path, os.O_RDONLY), "rb") as file:
        return file.read(LARGEST + 1)


def read_notebook(data: bytes) -> dict:
    """The notebook in a file, reduced to what we use.

    Raises:
        Unreadable: If it is none, or not for Python.
    """
    try:
        raw = json.loads(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise Unreadable("The file is not in UTF-8: save it from Jupyter.") from error
    except (ValueError, RecursionError) as error:
        raise Unreadable(
            "The file is no notebook, or damaged: open it in Jupyter, save it, and "
            "hand it in again."
        ) from error
    if type(raw) is not dict or type(raw.get("cells")) is not list:
        raise Unreadable("The file is no notebook of format 4: save it from Jupyter.")
    metadata = raw.get("metadata") if type(raw.get("metadata")) is dict else {}
    _check_language(metadata)  # type: ignore[arg-type]
    if len(raw["cells"]) > MOST_CELLS:
        raise Unreadable(f"The notebook has more than {MOST_CELLS} cells.")
    return {"metadata": metadata, "cells": [_cell(cell) for cell in raw["cells"]]}


def _check_language(metadata: dict) -> None:
    for key, name in (("kernelspec", "language"), ("language_info", "name")):
        entry = metadata.get(key)
        language = entry.get(name) if type(entry) is dict else None
        if type(language) is str and language.lower() not in ("python", "python3", ""):
            raise Unreadable(
                f"The notebook is for {language[:30]}, not for Python: choose a Python "
                "kernel, run it, and hand it in again."
            )


def _cell(raw: object) -> dict:
    if type(raw) is not dict:
        raise Unreadable("The file is damaged: a cell is no cell.")
    source, metadata = raw.get("source", ""), raw.get("metadata", {})
    if type(source) is list and all(type(line) is str for line in source):
        source = "".join(source)
    if type(source) is not str:
        raise Unreadable("The file is damaged: a cell has no text.")
    mark = metadata.get("nbgrader") if type(metadata) is dict else None
    kind = "code" if raw.get("cell_type") == "code" else "markdown"
    # Half a pair of surrogates is JSON, but no text.
    source = source.encode("utf-8", "replace").decode("utf-8")
    return {"kind": kind, "source": source, "mark": mark if type(mark) is dict else {}}
