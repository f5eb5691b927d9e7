"""Prove a grader: what it accepts, what it rejects, and with which hint."""

import pytest
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


def grader(name, right, wrong):
    """The tests of one grader, for pytest to collect.

    Args:
        name: The assignment. Its own solutions are right answers to each question.
        right: Further right answers, ``(question, source)``.
        wrong: By name of the mistake ``(question, template, good, change, hint)``. The
            template with its good parts is a right answer, too; with the change the
            feedback must hold the hint. Without a change the template is wrong itself.
    """
    assignment = assignment_of(name)
    solved = {(question.name, cells(assignment)) for question in assignment.questions}
    filled = {
        (q, text.format(**good))
        for q, text, good, change, _ in wrong.values()
        if change
    }
    proven = sorted(solved | filled | set(right))

    class Grader:
        @pytest.mark.parametrize(("question", "source"), proven)
        def test_a_right_solution_gets_every_point_and_no_remark(
            self, question, source
        ):
            found = scores(assignment, source)[question]
            assert found.points == found.out_of > 0, found
            assert not any(remark.text for remark in found.remarks)

        @pytest.mark.parametrize("mistake", wrong)
        def test_a_named_mistake_costs_points_and_gets_its_hint(self, mistake):
            question, template, good, change, hint = wrong[mistake]
            found = scores(assignment, template.format(**good | change))[question]
            assert found.points < found.out_of, "a wrong solution got every point"
            texts = [remark.text for remark in found.remarks]
            assert any(hint in text for text in texts), texts

        def test_two_right_and_five_wrong_answers_and_all_hints_are_there(self):
            for question in assignment.questions:
                assert sum(q == question.name for q, _ in proven) >= 2
                hints = [row[4] for row in wrong.values() if row[0] == question.name]
                assert len(hints) >= 5
                for known in question.mistakes:
                    assert any(hint in known for hint in hints), f"no proof: {known}"

    return Grader
