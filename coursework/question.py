"""What an assignment's ``questions.py`` is written in."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from coursework.judge.plain import Code

__all__ = ["Check", "Code", "Question"]


@dataclass(frozen=True)
class Check:
    """Hidden calls that earn their points together.

    Args:
        title: What the check varies; shown to students, so without hidden numbers.
        points: What it is worth.
        cases: Arguments of each call.
    """

    title: str
    points: int
    cases: tuple[tuple, ...]


@dataclass(frozen=True)
class Question:
    """One automatically graded question.

    Args:
        name: The ``grade_id`` of its locked cell in the notebook.
        function: The name of the function that students write.
        expected: The right answer, called with the same arguments by the grader alone.
        example: Arguments that students see, with the right answer, in the notebook.
        checks: What is graded.
        mistakes: Wrong functions by the hint that feedback gives for them.
        rtol: Accepted error relative to the largest number of the right answer.
    """

    name: str
    function: str
    expected: Callable[..., object]
    example: tuple
    checks: tuple[Check, ...]
    mistakes: Mapping[str, Callable[..., object]] = field(default_factory=dict)
    rtol: float = 1e-6

    @property
    def points(self) -> int:
        """The sum over its checks."""
        return sum(check.points for check in self.checks)
