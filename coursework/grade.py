"""``make grade SUBMISSIONS=folder``: judge, score, keep, and tell.

Takes COURSE and VARIANT as ``make coursework`` does, GRADES (where to write; by default
beside the submissions, with ``-graded`` in its name), JOBS, and AGAIN (students,
separated by commas, who are judged again) from the environment.
"""

import os
import sys
import time
from collections.abc import Collection
from pathlib import Path

from coursework.course import ROOT, Course, CourseError, load_course
from coursework.exports import write_results, write_tables
from coursework.feedback import write_graded_copy
from coursework.intake import submissions
from coursework.judge import jail
from coursework.ledger import Grade, enter_all
from coursework.marking import mark_all
from coursework.nbgrader_course import render_feedback
from coursework.notebooks import read_notebook
from coursework.people import class_list, overrides, safe_name
from coursework.release import build
from coursework.summary import write_summary
from coursework.tell import tell
from coursework.upkeep import check_changes, check_edition, forget_strangers


def grade(
    course: Course,
    handed_in: Path,
    folder: Path,
    *,
    jobs: int | None = None,
    again: Collection[str] = (),
) -> tuple[list[Grade], list[str]]:
    """Grade a folder of submissions; what has not changed is not judged again.

    Args:
        course: The assignments, salt and variant that were released.
        handed_in: The submissions, as `intake.submissions` expects them.
        folder: The root of the nbgrader course to keep everything in.
        jobs: How many submissions at the same time.
        again: Students who are judged again although nothing has changed.

    Returns:
        The grades, and what went wrong with the judge itself.
    """
    people, changes = class_list(handed_in), overrides(handed_in)
    assignments = {a.name: a for a in build(course, folder)}
    paths = {n: folder / "release" / n / f"{n}.ipynb" for n in assignments}
    releases = {name: read_notebook(path.read_bytes()) for name, path in paths.items()}
    found = submissions(handed_in, list(assignments))
    check_edition(found, course)
    by_key = {(s.student, s.assignment): s for s in found}
    check_changes(changes, by_key, assignments)
    forget_strangers(folder, {s.student for s in found})
    records, failures = mark_all(
        found, assignments, releases, folder / "judged", jobs=jobs, again=again
    )
    pairs = [(r, by_key[r.student, r.assignment]) for r in records]
    grades = enter_all(folder, pairs, assignments, people, course.late, changes)
    for (record, submission), result in zip(pairs, grades, strict=True):
        label = f"{record.student}, {record.assignment}"
        for note in record.notes:
            tell(f"  {label}: {note}")
        release = paths[record.assignment]
        try:
            write_graded_copy(folder, record, submission, result, release)
            write_results(folder, record, result)
        except Exception as error:  # nobody else's pages depend on it
            failures.append(f"no feedback for {label}: {type(error).__name__}: {error}")
    for name in sorted({record.assignment for record in records}):
        tell(f"feedback: {name}")
        try:
            render_feedback(folder, name)
        except RuntimeError as error:
            failures.append(f"feedback pages: {error}")
    slow = sorted({record.student for record in records if record.too_slow})
    if slow:
        tell(f"Something took too long: {', '.join(slow)}. If the machine was busy,")
        tell(f"have them judged again: make grade ... AGAIN={','.join(slow)}")
    write_tables(folder, grades, people)
    if records:
        write_summary(folder / "summary.html", records, grades)
    return grades, failures


def main() -> int:
    """Grade what the environment asks for."""
    since = time.monotonic()
    given = os.environ.get("SUBMISSIONS")
    if not given or not Path(given).is_dir():
        print("make grade: name the folder: make grade SUBMISSIONS=path/to/folder")
        return 1
    handed_in = Path(given).resolve()
    graded = handed_in.with_name(f"{handed_in.name}-graded")
    folder = Path(os.environ.get("GRADES") or graded).resolve()
    if folder.is_relative_to(ROOT) and not folder.is_relative_to(ROOT / "_build"):
        print(f"make grade: {folder} lies in the repository: personal data do not.")
        return 1
    if folder.is_relative_to(handed_in):
        tell(f"make grade: {folder} lies in the submissions, where it would become a")
        tell("student. Choose another GRADES, or none.")
        return 1
    try:
        variant = int(os.environ.get("VARIANT") or 0)
        course = load_course(os.environ.get("COURSE"), variant)
        print(jail.NOTES[jail.isolation()], flush=True)
        jobs = int(os.environ.get("JOBS") or 0) or None
        again = {safe_name(s) for s in os.environ.get("AGAIN", "").split(",") if s}
        grades, failures = grade(course, handed_in, folder, jobs=jobs, again=again)
    except (CourseError, ValueError) as error:
        tell(f"make grade: {error}")
        return 1
    for failure in failures:
        tell(f"NOT JUDGED {failure}")
    seconds = time.monotonic() - since
    print(f"{len(grades)} submissions in {seconds:.0f} s; grades.csv, summary.html,")
    print(f"feedback/, results/ and gradebook.db (personal data) are in {folder}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
