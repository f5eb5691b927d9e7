"""Points into nbgrader's gradebook, and final grades out of it."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nbgrader.api import Gradebook

from coursework.course import Assignment, LatePolicy, graded_cells
from coursework.intake import Student, Submission
from coursework.marking import Record
from coursework.nbgrader_course import gradebook

OVERRIDE = "Changed by hand: "


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

    @property
    def total(self) -> float:
        """Points after the late penalty."""
        return max(0.0, sum(self.points.values()) - self.penalty)

    @property
    def status(self) -> str:
        """In words: graded, to be graded by hand, or what is wrong."""
        if self.problem:
            return self.problem
        return f"hand grading: {', '.join(self.pending)}" if self.pending else "graded"


Overrides = dict[tuple[str, str, str], tuple[float, str]]


def enter_all(
    folder: Path,
    pairs: list[tuple[Record, Submission]],
    assignments: dict[str, Assignment],
    people: dict[str, Student],
    late: LatePolicy,
    changes: Overrides,
) -> list[Grade]:
    """Write all records into the gradebook of a folder; hand grading is kept."""
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
            grades.append(_enter(book, record, submission, assignment, late, changes))
        book.db.commit()
    return grades


def _enter(
    book: Gradebook,
    record: Record,
    submission: Submission,
    assignment: Assignment,
    late: LatePolicy,
    changes: Overrides,
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
        _set_by_hand(grade, comment, change, question in record.answered)
        if change:
            result.reasons[question] = change[1]
        by_hand = grade.manual_score
        result.points[question] = (
            by_hand if by_hand is not None else grade.auto_score or 0
        )
        result.out_of[question] = grade.max_score_gradecell
        if grade.needs_manual_grade:
            result.pending.append(question)
    result.days_late = late.days_late(name, when)
    result.penalty = late.penalty(result.days_late, sum(result.points.values()))
    for notebook in entry.notebooks:
        notebook.late_submission_penalty = result.penalty or None
    return result


def _set_automatic(grade: Any, question: str, record: Record) -> None:
    """What the program gave; nothing for an answer that a person has to read."""
    scored = {scored.name: scored.points for scored in record.questions}
    if question in scored or question not in record.answered:
        grade.auto_score = scored.get(question, 0.0)  # no text: nothing to read
        grade.needs_manual_grade = False
    else:
        grade.auto_score = None
        grade.needs_manual_grade = grade.manual_score is None


def _set_by_hand(
    grade: Any, comment: Any, change: tuple[float, str] | None, is_answered: bool
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
