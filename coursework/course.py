"""Which course: its assignments, its salt, its variant, its deadlines.

Without ``COURSE`` it is the open edition of this repository, whose solutions are
public. With ``COURSE=folder`` everything comes from that folder.
"""

import hashlib
import importlib.util
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import ModuleType

import nbformat

from coursework.question import Question
from coursework.variants import Draw

ROOT = Path(__file__).resolve().parents[1]
OPEN_SOURCE = ROOT / "coursework" / "source"
OPEN_SALT = "open edition"


class CourseError(Exception):
    """The course cannot be used as it is; says what to change."""


@dataclass(frozen=True)
class LatePolicy:
    """Late days: so many are free, each further one costs a share of the points."""

    deadlines: dict[str, datetime] = field(default_factory=dict)
    free_days: int = 0
    cost_per_day: float = 0.1  # of the points reached

    def days_late(self, assignment: str, when: datetime | None) -> int:
        """Days begun after the deadline; 0 without a deadline or a time."""
        deadline = self.deadlines.get(assignment)
        if deadline is None or when is None or when <= deadline:
            return 0
        return -int((deadline - when).total_seconds() // 86400)

    def penalty(self, days: int, points: float) -> float:
        """Points that so many days cost; never more than were reached."""
        share = min(1.0, max(0, days - self.free_days) * self.cost_per_day)
        return round(share * points, 4)


@dataclass(frozen=True)
class Assignment:
    """One assignment of one cohort."""

    name: str
    notebook: nbformat.NotebookNode  # as the instructor wrote it
    parameters: dict[str, object]
    questions: Sequence[Question]
    digest: str  # changes when anything that decides about points does


@dataclass(frozen=True)
class Course:
    """A folder of assignments, and how a cohort gets them."""

    source: Path
    salt: str
    variant: int
    late: LatePolicy = LatePolicy()

    @property
    def names(self) -> list[str]:
        """The assignments, sorted."""
        return sorted(p.parent.name for p in self.source.glob("*/questions.py"))

    @property
    def label(self) -> str:
        """A name for folders: a private course shares none with the open edition."""
        is_open = self.source == OPEN_SOURCE
        return f"{'' if is_open else f'{self.source.parent.name}-'}{self.variant}"

    @property
    def edition(self) -> str:
        """Tells apart what was released with another salt or variant."""
        text = f"edition\n{self.salt}\n{self.variant}"
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def assignment(self, name: str) -> Assignment:
        """Load one assignment.

        Raises:
            CourseError: If a file is missing or notebook and questions do not fit.
        """
        folder = self.source / name
        path = folder / f"{name}.ipynb"
        if not path.exists():
            raise CourseError(f"{path} is missing.")
        module = _module(folder / "questions.py")
        draw = Draw(self.salt, self.variant, name)
        parameters = module.parameters(draw)
        found = Assignment(
            name,
            nbformat.read(path, as_version=4),
            parameters,
            module.questions(draw, parameters),
            self._digest(folder / "questions.py", path),
        )
        _check_fit(found)
        return found

    def _digest(self, *paths: Path) -> str:
        code = sorted((ROOT / "coursework").glob("*.py"))
        code += sorted((ROOT / "coursework" / "judge").rglob("*.[ps][yh]"))
        parts = [path.read_bytes() for path in (*paths, *code)]
        parts.append(f"{self.salt}\n{self.variant}".encode())
        return hashlib.sha256(b"\0".join(parts)).hexdigest()


def load_course(folder: str | None, variant: int | None) -> Course:
    """The course in a folder, or the open edition.

    Raises:
        CourseError: If the folder lacks a salt, or lies inside this repository.
    """
    if not folder:
        return Course(OPEN_SOURCE, OPEN_SALT, variant or 1)
    path = Path(folder).expanduser().resolve()
    if path.is_relative_to(ROOT):
        raise CourseError(
            f"{path} lies in the repository, where a commit would publish it. "
            "Keep a private course outside."
        )
    salt = path / "salt.txt"
    if not salt.exists() or len(salt.read_text().strip()) < 16:
        raise CourseError(
            f"{salt} must hold a secret text of at least 16 characters, for example "
            "from: python3 -c 'import secrets; print(secrets.token_hex(16))'"
        )
    settings = path / "course.toml"
    found = tomllib.loads(settings.read_text()) if settings.exists() else {}
    return Course(
        path / "source",
        salt.read_text().strip(),
        variant or int(found.get("variant", 1)),
        _late_policy(found.get("late", {})),
    )


def _late_policy(table: dict) -> LatePolicy:
    deadlines = table.get("deadlines", {})
    for name, when in deadlines.items():
        if not isinstance(when, datetime) or when.tzinfo is None:
            raise CourseError(
                f"The deadline of {name} must be a time with its offset, such as "
                f"2027-05-01T23:59:00+02:00, not {when}."
            )
    return LatePolicy(
        deadlines,
        int(table.get("free_days", 0)),
        float(table.get("cost_per_day", 0.1)),
    )


def _module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"questions_{path.parent.name}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def graded_cells(notebook: nbformat.NotebookNode) -> dict[str, nbformat.NotebookNode]:
    """The cells that carry points, by their ``grade_id``."""
    marked = [(c.metadata.get("nbgrader", {}), c) for c in notebook.cells]
    return {mark["grade_id"]: c for mark, c in marked if mark.get("grade")}


def _check_fit(assignment: Assignment) -> None:
    cells = graded_cells(assignment.notebook)
    for question in assignment.questions:
        cell = cells.pop(question.name, None)
        points = cell and cell.metadata.nbgrader.get("points")
        if points != question.points:
            raise CourseError(
                f"{assignment.name}: question {question.name} has {question.points} "
                f"points in questions.py and {points} in the notebook."
            )
    for name, cell in cells.items():
        if not cell.metadata.nbgrader.get("solution"):
            raise CourseError(f"{assignment.name}: nobody grades the cell {name}.")
