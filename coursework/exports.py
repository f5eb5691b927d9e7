"""Grades for others: a table, Canvas, Moodle, and ``results.json`` as Gradescope's."""

import csv
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from coursework.ledger import Grade
from coursework.marking import Record
from coursework.people import Student


def write_tables(
    folder: Path, grades: Sequence[Grade], people: dict[str, Student]
) -> None:
    """Write ``grades.csv`` and, for each assignment, ``canvas_`` and ``moodle_``."""
    questions = sorted({q for grade in grades for q in grade.out_of})
    header = ["student", "name", "assignment", *questions, "days_late", "penalty"]
    rows: list[list] = [[*header, "total", "out_of", "status", "changed_by_hand"]]
    for grade in grades:
        person = people.get(grade.student, Student(grade.student))
        reasons = "; ".join(f"{q}: {reason}" for q, reason in grade.reasons.items())
        rows.append(
            [grade.student, person.name, grade.assignment]
            + ["" if q in grade.pending else grade.points.get(q, "") for q in questions]
            + [grade.days_late, grade.penalty, grade.total, sum(grade.out_of.values())]
            + [grade.status, reasons]
        )
    _write(folder / "grades.csv", rows)
    for assignment in sorted({grade.assignment for grade in grades}):
        chosen = [grade for grade in grades if grade.assignment == assignment]
        _write(folder / f"canvas_{assignment}.csv", _canvas(chosen, people))
        _write(folder / f"moodle_{assignment}.csv", _moodle(chosen, people))


def _canvas(grades: list[Grade], people: dict[str, Student]) -> Iterable[list]:
    """The columns that Canvas' gradebook import asks for, and its second row."""
    yield [
        *("Student", "ID", "SIS User ID", "SIS Login ID", "Section"),
        grades[0].assignment,
    ]
    yield [
        "Points Possible",
        "",
        "",
        "",
        "",
        max(sum(g.out_of.values()) for g in grades),
    ]
    for grade in grades:
        person = people.get(grade.student, Student(grade.student))
        who = [person.name or grade.student, person.canvas_id, person.sis_id]
        yield [*who, grade.student, "", "" if grade.pending else grade.total]


def _moodle(grades: list[Grade], people: dict[str, Student]) -> Iterable[list]:
    """Moodle's import lets the teacher match columns: e-mail or ID number is enough."""
    yield ["ID number", "Email address", "Full name", grades[0].assignment, "Feedback"]
    for grade in grades:
        person = people.get(grade.student, Student(grade.student))
        who = [person.moodle_id or grade.student, person.email, person.name]
        yield [*who, "" if grade.pending else grade.total, grade.status]


def _write(path: Path, rows: Iterable[list]) -> None:
    with path.open("w", newline="", encoding="utf-8") as lines:
        writer = csv.writer(lines)
        for row in rows:
            writer.writerow([_harmless(entry) for entry in row])


def _harmless(entry: object) -> object:
    """A text that a spreadsheet does not take for a formula."""
    is_formula = isinstance(entry, str) and entry[:1] in ("=", "+", "-", "@", "\t")
    return f"'{entry}" if is_formula else entry


def write_results(folder: Path, record: Record, grade: Grade) -> None:
    """Write ``results/STUDENT/ASSIGNMENT/results.json`` in Gradescope's format."""
    tests = [
        {
            "name": f"{scored.name}: {remark.title}",
            "score": remark.points,
            "max_score": remark.out_of,
            "status": "failed" if remark.points < remark.out_of else "passed",
            "output": remark.text,
            "visibility": "visible",
        }
        for scored in record.questions
        for remark in scored.remarks
        if remark.out_of
    ]
    cells = "\n".join(f"{name} failed:\n{text}" for name, text in record.cells.items())
    automatic = [scored.points for scored in record.questions]
    result = {
        "score": max(0.0, sum(automatic) - (grade.penalty if not grade.pending else 0)),
        "output": "\n".join(filter(None, [record.problem, cells])),
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "execution_time": round(record.seconds, 1),
        "tests": tests,
    }
    path = folder / "results" / record.student / record.assignment / "results.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=1))
