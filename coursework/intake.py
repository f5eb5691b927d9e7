"""What was handed in: found, and attributed to students and assignments.

Whatever is wrong with a file costs its student a message and nobody else anything.
"""

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from coursework.notebooks import Unreadable, contents, read_notebook
from coursework.people import OVERRIDES, STUDENTS, Student, class_list, normal
from coursework.people import safe_name as safe
from coursework.tell import tell

CANVAS = re.compile(r"([^_]+)(?:_LATE)?_(\d+)_\d+_")  # name, number of the person
MOODLE = re.compile(r"_\d+_assignsubmission_\w+$")
MINE = (STUDENTS, OVERRIDES, "timestamp.txt")
YEARS = range(2000, 2101)


@dataclass
class Submission:
    """One notebook of one student, or the lack of it."""

    student: str
    assignment: str
    when: datetime | None = None
    digest: str = "missing"
    notebook: dict = field(default_factory=dict)
    problem: str = ""
    path: str = ""  # below the folder of submissions
    owner: str = ""  # the name under which it was handed in
    notes: list[str] = field(default_factory=list)  # for the student


@dataclass(frozen=True)
class _Owner:
    """Who handed in a file: the student, and what tells people of that name apart."""

    student: str
    sign: tuple[str, str] | None  # kind and value; None: the class list says who


def submissions(folder: Path, assignments: list[str]) -> list[Submission]:
    """Every student's submission of every assignment that anybody handed in.

    Accepted are ``STUDENT/ASSIGNMENT/x.ipynb``, ``STUDENT/x.ipynb`` (nbgrader, Moodle)
    and ``STUDENT_x.ipynb`` (Canvas); the assignment is recognised by its name in the
    path, or by what the release wrote into the notebook.
    """
    people = class_list(folder)
    students = set(people)
    signs: dict[str, set[tuple[str, str]]] = defaultdict(set)
    others: dict[str, list[str]] = defaultdict(list)  # files that are no notebooks
    found: dict[tuple[str, str], list[Submission]] = defaultdict(list)
    for path in _files(folder):
        parts = path.relative_to(folder).parts
        is_notebook = path.suffix.lower() == ".ipynb" and not path.is_dir()
        is_file = len(parts) == 1 and not path.is_dir()
        if is_file and not is_notebook and not CANVAS.match(path.name):
            continue
        owner = _owner(path.stem if is_file else parts[0], people, is_file=is_file)
        students.add(owner.student)
        if owner.sign:
            signs[owner.student].add(owner.sign)
        if is_notebook:
            one = _read_submission(path, owner, parts, assignments)
            found[one.student, one.assignment].append(one)
        elif path.is_file() and path.name not in MINE:
            others[owner.student].append("/".join(parts[1:] or parts))
    chosen = {key: _chosen(all_) for key, all_ in found.items() if key[1]}
    for student in students:
        for name in sorted({assignment for _, assignment in chosen}):
            missing = Submission(student, name, problem=_missing(others[student], name))
            chosen.setdefault((student, name), missing)
    twins = {s for s, all_ in signs.items() if len({k for k, _ in all_}) < len(all_)}
    for student in sorted(twins):
        labels = ", ".join(sorted(value for _, value in signs[student]))
        tell(
            f"  {student}: several people have this name ({labels}); none is graded. "
            f"Give each a line in {STUDENTS} with another student id and submitted_as."
        )
        for key in chosen:
            if key[0] == student:
                chosen[key] = Submission(*key, problem=TWINS)
    return [chosen[key] for key in sorted(chosen)]


TWINS = "Not graded: several people hand in under this name. Your instructor knows."


def _files(folder: Path) -> Iterator[Path]:
    """The folders of students, and all files that somebody handed in."""
    tops = [path for path in folder.iterdir() if path.is_dir()]
    for path in sorted([*tops, *(p for p in folder.rglob("*") if not p.is_dir())]):
        parts = path.relative_to(folder).parts
        hidden = any(part.startswith((".", "__MACOSX")) for part in parts)
        if not hidden and not parts[0].startswith("__"):
            yield path


def _owner(label: str, people: dict[str, Student], *, is_file: bool) -> _Owner:
    """Whose a folder, or a file beside the folders, is."""
    label = normal(label)
    canvas = CANVAS.match(label) if is_file else None
    named = MOODLE.sub("", label)
    sign = ("number", canvas[2]) if canvas else ("name", named)
    if is_file and not canvas:
        named = label.split("_")[0]
        sign = ("name", named)
    aliases = {p.submitted_as: p.student for p in people.values() if p.submitted_as}
    for alias in sorted(aliases, key=len, reverse=True):
        if label == alias or label.startswith(f"{alias}_"):
            exact = not canvas or re.search(rf"_{canvas[2]}$", alias)
            return _Owner(aliases[alias], None if exact else sign)
    for person in people.values():
        if canvas and person.canvas_id == canvas[2]:
            return _Owner(person.student, None)
    return _Owner(safe(canvas[1] if canvas else named), sign)


def _missing(files: list[str], assignment: str) -> str:
    """Why there is nothing to grade."""
    mine = [f for f in files if assignment in f] or [f for f in files if "/" not in f]
    if not mine:
        return "Nothing was handed in."
    shown = ", ".join(mine[:3]) + (", ..." if len(mine) > 3 else "")
    return f"No notebook was handed in, only {shown}. Hand in the .ipynb file."


def _chosen(found: list[Submission]) -> Submission:
    """The one of a student's notebooks that is graded; says so if there are more."""
    least = datetime.min.replace(tzinfo=UTC)

    def rank(one: Submission) -> tuple:
        exact = re.search(rf"(^|[/_]){one.assignment}\.ipynb$", one.path, re.I)
        return not one.problem, one.when or least, bool(exact)

    best = max(sorted(found, key=lambda one: one.path), key=rank)  # the first of equals
    if len(found) == 1:
        return best
    names = ", ".join(sorted(one.path for one in found))
    label = f"  {best.student}, {best.assignment}: {names}"
    if len({one.owner for one in found}) > 1:
        tell(f"{label}: of one person, or of several? None is graded.")
        return Submission(best.student, best.assignment, problem=TWINS)
    tell(f"{label}; graded: {best.path}")
    files = ", ".join(sorted(Path(one.path).name for one in found))
    best.notes.append(f"Handed in: {files}. Graded: {Path(best.path).name}")
    return best


def _read_submission(
    path: Path, owner: _Owner, parts: tuple[str, ...], assignments: list[str]
) -> Submission:
    text = "/".join(parts)
    named = [name for name in assignments if name in text]
    found = Submission(owner.student, max(named, key=len, default=""), path=text)
    found.owner = parts[0] if len(parts) > 1 else str(owner.sign)
    if len(parts) > 1:
        depth = 2 if parts[1] in assignments and len(parts) > 2 else 1
        home = path.parents[len(parts) - 1 - depth]
        found.when = _handed_in(home / "timestamp.txt", text)
    try:
        data = contents(path)
        found.digest = hashlib.sha256(data).hexdigest()
        found.notebook = read_notebook(data)
    except Unreadable as error:
        found.problem = str(error)
    released = found.notebook.get("metadata", {}).get("coursework")
    name = released.get("assignment") if type(released) is dict else None
    if name in assignments and found.assignment not in ("", name):
        found.problem = f"This is the notebook of {name}, not of {found.assignment}."
    elif name in assignments:
        found.assignment = str(name)
    if not found.assignment and len(assignments) == 1:
        found.assignment = assignments[0]
    if not found.assignment:
        tell(f"  {text}: which assignment is this? Put its name into the path.")
    return found


def _handed_in(stamp: Path, of: str) -> datetime | None:
    """The time that a ``timestamp.txt`` gives, in UTC."""
    if not stamp.is_file() or stamp.is_symlink():
        return None
    with stamp.open(encoding="utf-8", errors="replace") as file:
        text = file.read(100).strip()
    try:
        when = datetime.fromisoformat(re.sub(r"\s+(UTC|Z)$", "+00:00", text))
        when = when.astimezone(UTC)
        if when.year in YEARS:
            return when
    except (ValueError, OverflowError):
        pass
    tell(f"  {of}: its timestamp.txt holds no time we can use ({text!r}): ignored.")
    return None
