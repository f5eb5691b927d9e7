"""Prove a grader: what it accepts, what it rejects, and with which hint."""

import torch

from coursework.course import load_course
from coursework.judge.session import Answer
from coursework.scoring import calls_of, plain, score


def assignment_of(name, variant=1):
    """An assignment of the open edition."""
    return load_course(None, variant).assignment(name)


def scores(assignment, source):
    """``{question: Scored}`` for a student's code, executed here: it is ours."""
    default = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        names = {}
        exec("import math, torch\n" + source, names)
        answers = [_answer(names, call) for call in calls_of(assignment.questions)]
    finally:
        torch.set_default_dtype(default)
    return {s.name: s for s in score(assignment.questions, answers)}


def _answer(names, call):
    if call.function not in names:
        return Answer(error="missing")
    try:
        return Answer(value=plain(names[call.function](*call.arguments)))
    except Exception as error:
        return Answer(error=type(error).__name__)


def cells(assignment, solved=True):
    """The code of the instructor's notebook, or what students get instead."""
    parts = []
    for cell in assignment.notebook.cells:
        mark = cell.metadata.get("nbgrader", {})
        if cell.cell_type == "code" and mark.get("solution"):
            head, _, _ = cell.source.partition("### BEGIN SOLUTION")
            stub = head.rstrip() + "\n    raise NotImplementedError()"
            parts.append(cell.source if solved else stub)
    return "\n\n".join(parts)


def assert_right(assignment, question, source):
    """A right solution gets every point and no remark."""
    found = scores(assignment, source)[question]
    assert found.points == found.out_of > 0, found
    assert not any(remark.text for remark in found.remarks)


def assert_wrong(assignment, question, source, hint):
    """A wrong solution loses points, and is told why."""
    found = scores(assignment, source)[question]
    assert found.points < found.out_of, "a wrong solution got every point"
    texts = [remark.text for remark in found.remarks]
    assert any(hint in text for text in texts), texts
