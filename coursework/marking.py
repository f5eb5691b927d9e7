"""Judge submissions, keep what came out, and judge again only what changed."""

import hashlib
import json
import os
import queue
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field
from pathlib import Path

from coursework.course import Assignment, graded_cells
from coursework.intake import Submission
from coursework.judge import jail
from coursework.judge.session import judge
from coursework.scoring import Remark, Scored, calls_of, score


@dataclass
class Record:
    """What a submission got from the grader; all that is kept of a run."""

    student: str
    assignment: str
    digest: str
    problem: str = ""
    cells: dict[str, str] = field(default_factory=dict)
    questions: list[Scored] = field(default_factory=list)
    answered: list[str] = field(default_factory=list)  # hand-graded ones with a text
    seconds: float = 0.0
    isolation: str = ""


def mark_all(
    submissions: Iterable[Submission],
    assignments: dict[str, Assignment],
    releases: dict[str, dict],
    folder: Path,
    *,
    jobs: int | None = None,
    say: Callable[[str], None] = print,
) -> tuple[list[Record], list[str]]:
    """Judge whatever is new or changed, a few at a time.

    Args:
        submissions: What was handed in.
        assignments: The assignments by name.
        releases: The released notebooks by name, as `intake.read_notebook` reads them.
        folder: Where records are kept; a record is written as soon as it exists.
        jobs: How many at the same time; by default one per processor.
        say: Gets a line of progress per submission judged.

    Returns:
        All records, and what went wrong with the judge itself.
    """
    slots: queue.SimpleQueue[int] = queue.SimpleQueue()
    jobs = jobs or os.cpu_count() or 1
    for slot in range(jobs):
        slots.put(slot)
    jail.isolation()  # find out once, before the threads start
    records, todo = _kept_and_new(submissions, assignments, folder)
    failures = []

    def work(submission: Submission, digest: str) -> Record:
        """Judge one submission as one of the users that are free."""
        slot = slots.get()
        try:
            name = submission.assignment
            return mark(submission, assignments[name], releases[name], digest, slot)
        finally:
            slots.put(slot)

    with ThreadPoolExecutor(jobs) as pool:
        started = {pool.submit(work, *item): item[0] for item in todo}
        for i, future in enumerate(as_completed(started), start=1):
            submission = started[future]
            label = f"{i}/{len(todo)} {submission.student}, {submission.assignment}"
            try:
                record = future.result()
            except Exception as error:  # the judge's fault: nobody loses a point
                failures.append(f"{label}: {type(error).__name__}: {error}")
                continue
            _keep(_path(folder, submission), record)
            records.append(record)
            points = sum(q.points for q in record.questions)
            say(f"{label}: {points:g} points, {record.seconds:.0f} s")
    return sorted(records, key=lambda r: (r.assignment, r.student)), failures


def _kept_and_new(
    submissions: Iterable[Submission], assignments: dict[str, Assignment], folder: Path
) -> tuple[list[Record], list[tuple[Submission, str]]]:
    """Records that still hold, and the submissions to judge with their digests."""
    records, todo = [], []
    for submission in submissions:
        digest = _digest(submission, assignments[submission.assignment])
        kept = _kept(_path(folder, submission), digest)
        if kept:
            records.append(kept)
        else:
            todo.append((submission, digest))
    return records, todo


def mark(
    submission: Submission,
    assignment: Assignment,
    release: dict,
    digest: str = "",
    slot: int = 0,
) -> Record:
    """Judge and score one submission."""
    questions = assignment.questions
    record = Record(submission.student, assignment.name, digest, submission.problem)
    if submission.problem:
        remark = [Remark("Not graded", 0, 0, submission.problem)]
        record.questions = [
            Scored(q.name, 0, q.points, "No readable notebook.", remark)
            for q in questions
        ]
        return record
    cells = cells_to_run(submission.notebook, release)
    judged = judge(cells, calls_of(questions), slot=slot)
    record.questions = score(questions, judged.answers)
    record.cells, record.seconds = judged.cells, judged.seconds
    record.isolation = judged.isolation
    record.answered = _answered(submission.notebook, assignment, release)
    return record


def cells_to_run(notebook: dict, release: dict) -> dict[str, str]:
    """The code to execute: our locked cells as released, then all of the student's."""
    cells = {}
    for cell in release["cells"]:
        mark = cell["mark"]
        if cell["kind"] == "code" and mark.get("locked") and not mark.get("grade"):
            cells[f"the locked cell {mark['grade_id']}"] = cell["source"]
    for i, cell in enumerate(notebook["cells"], start=1):
        ours = cell["mark"].get("locked") or (
            cell["mark"].get("grade") and not cell["mark"].get("solution")
        )
        if cell["kind"] == "code" and not ours and cell["source"].strip():
            cells[f"cell {i}"] = cell["source"]
    return cells


def _answered(notebook: dict, assignment: Assignment, release: dict) -> list[str]:
    """Hand-graded questions whose text differs from the stub."""
    automatic = {question.name for question in assignment.questions}
    by_hand = set(graded_cells(assignment.notebook)) - automatic
    stubs = {c["mark"].get("grade_id"): c["source"].strip() for c in release["cells"]}
    found = []
    for cell in notebook["cells"]:
        name = cell["mark"].get("grade_id")
        if type(name) is str and name in by_hand:
            text = cell["source"].strip()
            if text and text != stubs.get(name):
                found.append(name)
    return sorted(set(found))


def _digest(submission: Submission, assignment: Assignment) -> str:
    parts = [submission.digest, submission.problem, assignment.digest]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _path(folder: Path, submission: Submission) -> Path:
    return folder / submission.student / f"{submission.assignment}.json"


def _keep(path: Path, record: Record) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(asdict(record), indent=1))
    partial.replace(path)


def _kept(path: Path, digest: str) -> Record | None:
    """The record of an earlier run, if nothing it depends on has changed."""
    try:
        raw = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    if raw.get("digest") != digest:
        return None
    for question in raw["questions"]:
        question["remarks"] = [Remark(**remark) for remark in question["remarks"]]
    return Record(**raw | {"questions": [Scored(**q) for q in raw["questions"]]})
