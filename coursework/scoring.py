"""From answers to points: compares plain numbers, in the grader's process only."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from coursework.judge.plain import Plain
from coursework.judge.session import Answer, Call
from coursework.question import Question

BUILTIN_ERRORS = {
    "ArithmeticError AssertionError AttributeError FloatingPointError ImportError",
    "IndexError KeyError LookupError MemoryError ModuleNotFoundError NameError",
    "NotImplementedError OSError OverflowError PermissionError RecursionError",
    "RuntimeError SyntaxError SystemExit TimeoutError TypeError UnboundLocalError",
    "ValueError ZeroDivisionError",
}
NEARLY = 1e-4  # relative: what float32 leaves of an answer in float64
KNOWN_ERRORS = {name for line in BUILTIN_ERRORS for name in line.split()}


@dataclass
class Remark:
    """How one check went."""

    title: str
    points: float
    out_of: float
    text: str = ""


@dataclass
class Scored:
    """How one question went; ``mistake`` is what the class summary counts."""

    name: str
    points: float = 0.0
    out_of: float = 0.0
    mistake: str = ""
    remarks: list[Remark] = field(default_factory=list)


def calls_of(questions: Sequence[Question]) -> list[Call]:
    """What the judge should call: all examples first, then what is hidden."""
    examples = [Call(q.function, q.example) for q in questions]
    hidden = [
        Call(q.function, case) for q in questions for c in q.checks for case in c.cases
    ]
    return examples + hidden


def score(questions: Sequence[Question], answers: Sequence[Answer]) -> list[Scored]:
    """Points and remarks for each question, from the answers to `calls_of`."""
    hidden = iter(answers[len(questions) :])
    results = []
    for question, example in zip(questions, answers, strict=False):
        found = [[next(hidden) for _ in check.cases] for check in question.checks]
        results.append(_score_question(question, example, found))
    return results


def _score_question(
    question: Question, example: Answer, found: list[list[Answer]]
) -> Scored:
    result = Scored(question.name, out_of=question.points)
    example_text = _problem(question, (question.example,), [example], is_public=True)
    for check, answers in zip(question.checks, found, strict=True):
        text = _problem(question, check.cases, answers)
        points = 0 if text else check.points
        result.points += points
        result.remarks.append(Remark(check.title, points, check.points, text))
        result.mistake = result.mistake or text
    where = "The example of the notebook"
    if example_text:
        result.remarks.insert(0, Remark(f"{where} fails", 0, 0, example_text))
    elif result.mistake:
        text = "Your function passes it, so look at what the failed checks vary."
        result.remarks.insert(0, Remark(where, 0, 0, text))
    return result


def _problem(
    question: Question,
    cases: Sequence[tuple],
    answers: Sequence[Answer],
    *,
    is_public: bool = False,
) -> str:
    """What is wrong with the answers of one check; empty if nothing."""
    for answer in answers:
        if answer.value is None:
            return _failure(question, answer, is_public)
    right = [plain(question.expected(*case)) for case in cases]
    found = [answer.value for answer in answers if answer.value is not None]
    if all(agree(f, r, question.rtol) for f, r in zip(found, right, strict=True)):
        return ""
    for hint, wrong in question.mistakes.items():
        if _matches(question, wrong, cases, found, right):
            return hint
    shapes = {(_shape(f), _shape(r)) for f, r in zip(found, right, strict=True)}
    for got, wanted in shapes:
        if got != wanted:
            # A shape could be built from hidden arguments.
            yours = got if is_public else "something else"
            return f"The answer should be {wanted}; yours is {yours}."
    if all(agree(f, r, NEARLY) for f, r in zip(found, right, strict=True)):
        return (
            "Nearly right, to about four digits: was something computed in float32, or "
            "were digits lost? All should be float64, as the arguments are."
        )
    return "The numbers are not right."


def _matches(question, wrong, cases, found, right) -> bool:
    """Whether the wrong function explains the answers, where it differs at all."""
    differs = False
    for case, answer, truth in zip(cases, found, right, strict=True):
        guess = plain(wrong(*case))
        differs |= not agree(guess, truth, question.rtol)
        if not agree(answer, guess, question.rtol):
            return False
    return differs


def _failure(question: Question, answer: Answer, is_public: bool) -> str:
    if answer.error == "missing":
        return (
            f"There is no function {question.function} in the notebook, or the cell "
            "that defines it failed (see the top of the page)."
        )
    if answer.error == "NotImplementedError":
        return "Not answered: the function still raises NotImplementedError."
    if answer.error == "lost":
        return f"The call could not be finished: {answer.text}."
    if answer.error == "not plain":
        return f"{answer.text[:1].upper()}{answer.text[1:]}."
    # The text of an exception could hold the hidden arguments; so could its name.
    name = answer.error if answer.error in KNOWN_ERRORS else "an exception"
    if is_public and answer.text:
        return f"Your function raised {name}:\n{answer.text}"
    return f"Your function raised {name}."


def plain(value: object) -> Plain:
    """A right answer in the form in which students' answers arrive."""
    if isinstance(value, torch.Tensor | np.ndarray):
        return np.asarray(value, dtype=np.float64)
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    return float(value)  # type: ignore[arg-type]


def agree(found: Plain, right: Plain, rtol: float) -> bool:
    """Whether two plain values have the same structure and nearly the same numbers."""
    if isinstance(right, list):
        if isinstance(found, np.ndarray) and found.ndim:  # an array for a list of it
            found = list(found)
        return (
            isinstance(found, list)
            and len(found) == len(right)
            and all(agree(f, r, rtol) for f, r in zip(found, right, strict=True))
        )
    if isinstance(found, list):
        stacked = _stacked(found) if np.ndim(right) else None
        if stacked is None or stacked.shape != np.shape(right):
            return False
        found = stacked
    found, right = np.asarray(found), np.asarray(right)
    if found.shape != right.shape and not found.size == right.size == 1:
        return False
    if not right.size:
        return True
    scale = max(float(np.abs(right).max()), 1e-12)
    gap = np.abs(found.reshape(-1) - right.reshape(-1)).max()
    return bool(gap <= rtol * scale)


def _stacked(parts: list) -> np.ndarray | None:
    """The array that a list of numbers, or of such lists, would make."""
    arrays = []
    for part in parts:
        array = _stacked(part) if isinstance(part, list) else np.asarray(part)
        if array is None or array.shape != (arrays or [array])[0].shape:
            return None
        arrays.append(array)
    return np.stack(arrays) if arrays else None


def _shape(value: Plain) -> str:
    if isinstance(value, list):
        return f"a list of {len(value)}"
    shape = np.shape(value)
    return f"an array of shape {shape}" if shape else "one number"
