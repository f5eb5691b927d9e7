"""Points into nbgrader's gradebook, and final grades out of it."""

import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nbgrader.api import Gradebook

from coursework.course import Assignment, LatePolicy, graded_cells
from coursework.intake import Submission
from coursework.marking import Record
from coursework.nbgrader_course import gradebook
from coursework.people import Change, Overrides, Student
from coursework.tell import tell

OVERRIDE = "Changed by hand: "
TEXTS = "read_by_hand.json"  # digests of the texts when they were last seen


@dataclass
class Grade:
    """The final state of one submission."""

    student: str
    assignment: str
    points: dict[str, float] = field(default_factory=dict)  # by question
    out_of: dict[str, float] = field(default_factory=dict)
    pending: list[str] = field(default_factory=list)  # to be graded by hand
    days_late: int = 0
    penalty: float = 0.0
    problem: str = ""
    reasons: dict[str, str] = field(default_factory=dict)  # of overrides
    before: dict[str, str] = field(default_factory=dict)  # points of an earlier text

    @property
    def total(self) -> float:
        """Points after the late penalty."""
        return max(0.0, sum(self.points.values()) - self.penalty)

    @property
    def status(self) -> str:
        """In words: graded, to be graded by hand, or what is wrong."""
        if self.problem:
            return self.problem
        parts = [q + self.before.get(q, "") for q in self.pending]
        return f"hand grading: {', '.join(parts)}" if parts else "graded"


def enter_all(
    folder: Path,
    pairs: list[tuple[Record, Submission]],
    assignments: dict[str, Assignment],
    people: dict[str, Student],
    late: LatePolicy,
    changes: Overrides,
) -> list[Grade]:
    """Write all records into the gradebook of a folder; hand grading is kept."""
    seen = _seen(folder / TEXTS)
    with gradebook(folder) as book:
        for person in people.values():
            details: dict[str, Any] = {
                "email": person.email or None,
                "last_name": person.name or None,
            }
            book.update_or_create_student(person.student, **details)
        grades = []
        for record, submission in pairs:
            if record.student not in people:
                book.update_or_create_student(record.student)
            assignment = assignments[record.assignment]
            texts = {q: _digest(text) for q, text in record.written.items()}
            before = seen.get(f"{record.student}/{record.assignment}", {})
            new = {q for q, digest in texts.items() if before.get(q, digest) != digest}
            seen[f"{record.student}/{record.assignment}"] = before | texts
            grades.append(
                _enter(book, record, submission, assignment, late, changes, new)
            )
        book.db.commit()
    partial = (folder / TEXTS).with_suffix(".partial")
    partial.write_text(json.dumps(seen, indent=1), encoding="utf-8")
    partial.replace(folder / TEXTS)
    return grades


def _seen(path: Path) -> dict[str, dict[str, str]]:
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _enter(
    book: Gradebook,
    record: Record,
    submission: Submission,
    assignment: Assignment,
    late: LatePolicy,
    changes: Overrides,
    new_texts: set[str],
) -> Grade:
    name, student = record.assignment, record.student
    when = submission.when
    stamp: Any = when and when.astimezone(UTC).replace(tzinfo=None)
    entry: Any = book.update_or_create_submission(name, student, timestamp=stamp)
    result = Grade(student, name, problem=record.problem)
    functions = {q.name: q.function for q in assignment.questions}
    for question in graded_cells(assignment.notebook):
        grade: Any = book.find_grade(question, name, name, student)
        comment: Any = book.find_comment(
            functions.get(question, question), *_of(record)
        )
        _set_automatic(grade, question, record)
        change = changes.get((student, name, question))
        _ask_again(grade, comment, question in new_texts)
        if change and question in new_texts:
            tell(
                f"{change.where}: {student} changed the text of {question} since then."
            )
        _set_by_hand(grade, comment, change, question in record.written)
        if change:
            result.reasons[question] = change[1]
        by_hand = grade.manual_score
        result.points[question] = (
            by_hand if by_hand is not None else grade.auto_score or 0
        )
        result.out_of[question] = grade.max_score_gradecell
        if grade.needs_manual_grade:
            result.pending.append(question)
            if comment.auto_comment:
                result.before[question] = f" ({comment.auto_comment})"
    result.days_late = late.days_late(name, when)
    result.penalty = late.penalty(result.days_late, sum(result.points.values()))
    for notebook in entry.notebooks:
        notebook.late_submission_penalty = result.penalty or None
    return result


def _set_automatic(grade: Any, question: str, record: Record) -> None:
    """What the program gave; nothing for an answer that a person has to read."""
    scored = {scored.name: scored.points for scored in record.questions}
    if question in scored or question not in record.written:
        grade.auto_score = scored.get(question, 0.0)  # no text: nothing to read
        grade.needs_manual_grade = False
    else:
        grade.auto_score = None
        grade.needs_manual_grade = grade.manual_score is None


def _ask_again(grade: Any, comment: Any, is_new: bool) -> None:
    """Points that a person gave for another text count no longer, but are shown."""
    if grade.manual_score is None:
        return
    comment.auto_comment = None
    if is_new:
        comment.auto_comment = f"{grade.manual_score:g} points before the text changed"
        grade.manual_score, grade.needs_manual_grade = None, True


def _set_by_hand(
    grade: Any, comment: Any, change: Change | None, is_answered: bool
) -> None:
    """An override with its reason, or its withdrawal."""
    if change:
        grade.manual_score, grade.needs_manual_grade = change[0], False
        comment.manual_comment = OVERRIDE + change[1]
    elif (comment.manual_comment or "").startswith(OVERRIDE):  # taken back
        grade.manual_score, comment.manual_comment = None, None
        grade.needs_manual_grade = is_answered


def _of(record: Record) -> tuple[str, str, str]:
    return record.assignment, record.assignment, record.student


def now() -> str:
    """The time, for pages."""
    return datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z")
