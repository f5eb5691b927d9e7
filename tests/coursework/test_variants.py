"""Every variant can be solved, and no two have the same numbers."""

import os

import pytest
import torch
from proofs import assignment_of, cells, scores

from coursework.course import Course, load_course
from coursework.judge.plain import encode
from coursework.scoring import plain
from coursework.variants import Draw
from coursework.written import example_cell, variant_cell

NAMES = load_course(None, 1).names
VARIANTS = range(1, 51) if os.environ.get("TEST_ALL") else (1, 17, 50)


@pytest.mark.parametrize("name", NAMES)
def test_the_instructor_solves_every_variant_and_the_stub_none(name):
    for variant in VARIANTS:
        assignment = assignment_of(name, variant)
        solved = scores(assignment, cells(assignment))
        assert all(s.points == s.out_of > 0 for s in solved.values()), (variant, solved)
        stub = scores(assignment, cells(assignment, solved=False))
        assert not any(s.points for s in stub.values()), variant
        assert all(s.mistake.startswith("Not answered") for s in stub.values())


@pytest.mark.parametrize("name", NAMES)
def test_the_numbers_of_all_variants_differ(name):
    visible, hidden = set(), set()
    for variant in VARIANTS:
        assignment = assignment_of(name, variant)
        visible.add(variant_cell(assignment.parameters))
        for question in assignment.questions:
            for check in question.checks:
                answer = plain(question.expected(*check.cases[0]))
                hidden.add((question.name, check.title, str(answer)))
    assert len(visible) == len(VARIANTS)
    one = sum(len(q.checks) for q in assignment_of(name).questions)
    # A choice among few thresholds or sets may coincide; nothing else may.
    assert len(hidden) >= 0.95 * one * len(VARIANTS)


@pytest.mark.parametrize("name", NAMES)
def test_last_years_answers_do_not_pass(name):
    new, old = assignment_of(name, 17), assignment_of(name, 1)
    for q_new, q_old in zip(new.questions, old.questions, strict=True):
        same = [
            str(plain(q_new.expected(*a.cases[0])))
            == str(plain(q_old.expected(*b.cases[0])))
            for a, b in zip(q_new.checks, q_old.checks, strict=True)
        ]
        assert not all(same), q_new.name


@pytest.mark.parametrize("name", NAMES)
def test_every_example_is_true_and_every_mistake_shows_somewhere(name):
    for variant in VARIANTS:
        assignment = assignment_of(name, variant)
        source = variant_cell(assignment.parameters) + "\n\n" + cells(assignment)
        names = {}
        torch.set_default_dtype(torch.float64)
        try:
            exec("import math, torch\n" + source, names)
            for question in assignment.questions:
                exec(example_cell(question, assignment.parameters), names)
        finally:
            torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("name", NAMES)
def test_the_salt_and_not_the_repository_decides_the_numbers(name):
    course = load_course(None, 1)
    other = Course(course.source, "another salt", 1).assignment(name)
    assert variant_cell(other.parameters) != variant_cell(
        assignment_of(name).parameters
    )
    assert assignment_of(name).digest == assignment_of(name).digest != other.digest


@pytest.mark.parametrize("name", NAMES)
def test_an_assignment_is_of_the_promised_kind(name):
    assignment = assignment_of(name)
    assert len(assignment.questions) >= 3
    by_hand = [
        cell
        for cell in assignment.notebook.cells
        if cell.cell_type == "markdown" and cell.metadata.get("nbgrader", {})
    ]
    assert len(by_hand) == 1 and "Rubric" in by_hand[0].source
    for question in assignment.questions:
        assert len(question.mistakes) >= 5
        for check in question.checks:
            for case in (question.example, *check.cases):
                assert encode(list(case))
    assert "minutes" in assignment.notebook.cells[0].source


def test_draws_depend_on_their_name_alone():
    draw = Draw("salt", 3, "a")
    first = draw.number("x", 0, 1, 9)
    assert (
        draw.number("y", 0, 1, 9) != first == Draw("salt", 3, "a").number("x", 0, 1, 9)
    )
    assert Draw("salt", 4, "a").number("x", 0, 1, 9) != first
    assert draw.tensor("z", 3).tolist() == draw.tensor("z", 3).tolist()
