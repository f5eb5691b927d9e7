"""Judge submissions, keep what came out, and judge again only what changed."""

import hashlib
import json
import os
import queue
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field
from pathlib import Path

from coursework.cells import cells_to_run, written_answers
from coursework.course import Assignment
from coursework.intake import Submission
from coursework.judge import jail
from coursework.judge.session import judge
from coursework.scoring import Remark, Scored, calls_of, score
from coursework.tell import tell

SLOW = "took too long"


@dataclass
class Record:
    """What a submission got from the grader; all that is kept of a run."""

    student: str
    assignment: str
    digest: str
    problem: str = ""
    cells: dict[str, str] = field(default_factory=dict)
    questions: list[Scored] = field(default_factory=list)
    written: dict[str, str] = field(default_factory=dict)  # texts that a person reads
    notes: list[str] = field(default_factory=list)  # for the student
    too_slow: bool = False  # a call or cell took too long: the machine may be busy
    seconds: float = 0.0
    isolation: str = ""


def mark_all(
    submissions: Iterable[Submission],
    assignments: dict[str, Assignment],
    releases: dict[str, dict],
    folder: Path,
    *,
    jobs: int | None = None,
    again: Collection[str] = (),
    say: Callable[[str], None] = tell,
) -> tuple[list[Record], list[str]]:
    """Judge whatever is new or changed, a few at a time.

    Args:
        submissions: What was handed in.
        assignments: The assignments by name.
        releases: The released notebooks by name, as `intake.read_notebook` reads them.
        folder: Where records are kept; a record is written as soon as it exists.
        jobs: How many at the same time; by default one per processor.
        again: Students who are judged again although nothing has changed.
        say: Gets a line of progress per submission judged.

    Returns:
        All records, and what went wrong with the judge itself.
    """
    slots: queue.SimpleQueue[int] = queue.SimpleQueue()
    jobs = jobs or os.cpu_count() or 1
    for slot in range(jobs):
        slots.put(slot)
    jail.isolation()  # find out once, before the threads start
    records, todo = _kept_and_new(submissions, assignments, folder, again)
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
    submissions: Iterable[Submission],
    assignments: dict[str, Assignment],
    folder: Path,
    again: Collection[str],
) -> tuple[list[Record], list[tuple[Submission, str]]]:
    """Records that still hold, and the submissions to judge with their digests."""
    records, todo = [], []
    for submission in submissions:
        digest = _digest(submission, assignments[submission.assignment])
        kept = _kept(_path(folder, submission), digest)
        if kept and submission.student not in again:
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
    judged = judge(
        cells_to_run(submission.notebook, release), calls_of(questions), slot=slot
    )
    record.questions = score(questions, judged.answers)
    record.cells, record.seconds = judged.cells, judged.seconds
    record.isolation = judged.isolation
    record.written, record.notes = written_answers(submission.notebook, release)
    said = [*judged.cells.values(), *(answer.text for answer in judged.answers)]
    record.too_slow = any(SLOW in text for text in said) or any(
        answer.error == "TimeoutError" for answer in judged.answers
    )
    return record


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
