"""The comparison of the numbers a text claims with those the code recorded."""

import json

import pytest

from tools.prose import (
    Cell,
    Chapter,
    check_claims,
    lint_numbers,
    read_chapter,
    read_records,
)


def chapter(source):
    return Chapter("a_chapter", [Cell(0, "markdown", source)])


def record(name, value, **tolerance):
    return {"name": name, "value": value, **tolerance}


AGREEING = [
    ("0.987<!-- claim: x -->", 0.98749),
    ("0.987<!-- claim: x -->", 0.98651),
    ("0.987<!--claim:x-->", 0.987),
    ("98.7 %<!-- claim: x -->", 0.98685),
    ("98.7\\%<!-- claim: x -->", 0.987),
    ("$98.7\\,\\%$<!-- claim: x -->", 0.987),
    ("$98.7$ %<!-- claim: x -->", 0.987),
    ("98.7 per cent<!-- claim: x -->", 0.987),
    ("2.3e-13<!-- claim: x -->", 2.34e-13),
    ("1,024<!-- claim: x -->", 1024.4),
    ("$1{,}024$<!-- claim: x -->", 1024.0),
    ("500<!-- claim: x --> times", 499.6),
    ("$2.3 \\times 10^{-13}$<!-- claim: x -->", 2.25e-13),
    ("$10^{-13}$<!-- claim: x -->", 1.2e-13),
    ("2.3 \u00d7 10\u207b\u00b9\u00b3<!-- claim: x -->", 2.3e-13),
    ("2.3 \u00b7 10<sup>-13</sup><!-- claim: x -->", 2.3e-13),
    ("$h = 1/2$ and $\\rho = 1.04$<!-- claim: x -->", 1.04),
    ("$1.04\\,h^2$<!-- claim: x -->", 1.04),
    ("-0.5<!-- claim: x -->", -0.5),
    ("\u22120.5<!-- claim: x -->", -0.5),
    ("$- 0.5$<!-- claim: x -->", -0.5),
    ("$\\lambda = -0.5$<!-- claim: x -->", -0.5),
    ("**0.987**<!-- claim: x -->", 0.987),
    ("below 1e-10<!-- claim: x at most -->", 9e-11),
    ("above 0.9<!-- claim: x at least -->", 0.91),
    ("| Euler | 0.987<!-- claim: x --> |", 0.987),
    ("# Reaching 0.987<!-- claim: x -->", 0.987),
]


@pytest.mark.parametrize(("text", "value"), AGREEING)
def test_a_number_is_read_as_it_is_shown(text, value):
    page = chapter(text)
    assert check_claims(page, [record("x", value)]) == []
    assert lint_numbers(page) == []


DISAGREEING = [
    ("0.987<!-- claim: x -->", 0.98751),
    ("0.987<!-- claim: x -->", 0.98649),
    ("0.987<!-- claim: x -->", 98.7),
    ("98.7 %<!-- claim: x -->", 98.7),
    ("98.7 %<!-- claim: x -->", 0.9876),
    ("2.3e-13<!-- claim: x -->", 2.36e-13),
    ("1,024<!-- claim: x -->", 24.0),
    ("1,024<!-- claim: x -->", 1024.6),
    ("$2.3 \\times 10^{-13}$<!-- claim: x -->", 2.3e-12),
    ("$10^{-13}$<!-- claim: x -->", 1.6e-13),
    ("$1.04, 1.05$<!-- claim: x -->", 1.04),
    ("0.5<!-- claim: x -->", -0.5),
    ("\u22120.5<!-- claim: x -->", 0.5),
    ("$- 0.5$<!-- claim: x -->", 0.5),
    ("1**0.5**<!-- claim: x -->", 0.5),
    ("below 1e-10<!-- claim: x at most -->", 1.01e-10),
    ("above 0.9<!-- claim: x at least -->", 0.89),
    ("below 1e-10<!-- claim: x at most, but for rounding -->", 1.01e-10),
]


@pytest.mark.parametrize(("text", "value"), DISAGREEING)
def test_a_number_that_differs_from_the_measured_one_is_found(text, value):
    (problem,) = check_claims(chapter(text), [record("x", value)])
    for part in ("a_chapter, cell 0", text, repr(value), "Correct the text"):
        assert part in problem


def test_every_changed_digit_of_a_deterministic_number_is_found():
    digits = "0.9871"
    for place in (0, 2, 3, 4, 5):
        for digit in set("0123456789") - {digits[place]}:
            changed = digits[:place] + digit + digits[place + 1 :]
            page = chapter(f"It reaches {changed}<!-- claim: x -->.")
            assert check_claims(page, [record("x", 0.9871)])


@pytest.mark.parametrize(
    ("tolerance", "agreeing", "disagreeing"),
    [
        ({"within": 0.02}, (0.976, 0.99, 1.0), (0.96, 1.02)),
        ({"factor": 10}, (0.2, 0.99, 9.0), (0.09, 10.0, -0.99)),
        ({"within": None, "factor": None}, (0.985, 0.995), (0.9849, 0.9951)),
    ],
)
def test_another_machine_may_differ_by_the_tolerance_only(
    tolerance, agreeing, disagreeing
):
    page = chapter("It is 0.99<!-- claim: x -->.")
    for value in agreeing:
        assert check_claims(page, [record("x", value, **tolerance)]) == []
    for value in disagreeing:
        assert check_claims(page, [record("x", value, **tolerance)])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0.5<!-- claim x -->", "not understood"),
        ("0.5<!-- claims: x -->", "not understood"),
        ("0.5<!-- calim: x -->", "not understood"),
        ("0.5<!-- Claim: x -->", "not understood"),
        ("0.5<!-- claim: x y -->", "not understood"),
        ("0.5<!-- claim: x at moste -->", "not understood"),
        ("0.5<!-- claim: X -->", "not understood"),
        ("0.5<!-- claim: x- -->", "not understood"),
        ("0.5<!-- claim: -->", "not understood"),
        ("0.5<!-- given: -->", "not understood"),
        ("0.5<!-- given: 1 -->", "not understood"),
        ("0.5<!-- given -->", "not understood"),
        ("0.5<!- claim: x -->", "broken"),
        ("0.5<!-- claim: x ->", "broken"),
        ("0.5<-- claim: x -->", "broken"),
        ("$0.5<!-- claim: x -->$", "broken"),
        ("much<!-- claim: x -->", "directly follow"),
        ("$h$<!-- claim: x -->", "directly follow"),
        ("0.5 <!-- claim: x -->", "directly follow"),
        ("0.5.<!-- claim: x -->", "directly follow"),
        ("`0.5`<!-- claim: x -->", "directly follow"),
        ("0.5<!-- claim: x -->3", "goes on"),
        ("0.5<!-- claim: x --> %", "goes on"),
        ("0.5<!-- claim: x -->e-3", "goes on"),
        ("0.5<!-- claim: x --> $\\times 10^{-3}$", "goes on"),
        ("1$0.5$<!-- claim: x -->", "goes on"),
    ],
)
def test_a_comment_that_nearly_is_a_claim_is_never_ignored(text, message):
    problems = check_claims(chapter(text), [record("x", 0.5)])
    assert any(message in problem for problem in problems), problems


def test_other_comments_are_left_alone():
    page = chapter("Words <!-- a note to authors, 0.93 --> and\n\n<!-- two\n\nmore -->")
    assert check_claims(page, []) == lint_numbers(page) == []


def test_claims_of_text_and_code_are_the_same_set():
    page = chapter("It is 0.5<!-- claim: x -->, again 0.50<!-- claim: x -->.")
    assert check_claims(page, [record("x", 0.5), record("x", 0.5)]) == []
    (problem,) = check_claims(page, [record("x", 0.5), record("x", 0.501)])
    assert "recorded twice, as 0.5 and 0.501" in problem
    (problem,) = check_claims(page, [record("x", 0.5), record("y", 0.1)])
    assert "'y' = 0.1 is recorded but quoted nowhere" in problem
    assert "no code recorded" in check_claims(page, [])[0]


def test_a_notebook_is_read_with_its_captions(tmp_path):
    caption = {"mystnb": {"figure": {"caption": "It reaches 0.93."}}}
    cells = [
        {"cell_type": "raw", "source": "0.5", "metadata": {}},
        {"cell_type": "markdown", "source": ["It is\n", "0.94."], "metadata": {}},
        {"cell_type": "code", "source": "x = 1", "metadata": caption},
    ]
    path = tmp_path / "a_chapter.ipynb"
    path.write_text(json.dumps({"cells": cells}))
    first, second = lint_numbers(read_chapter(path))
    assert "cell 1" in first and "0.94" in first
    assert "cell 2" in second and "0.93" in second


def test_a_page_and_the_records_of_a_run_are_read(tmp_path):
    page, run = tmp_path / "index.md", tmp_path / "claims.jsonl"
    page.write_text("It is 0.5<!-- claim: x -->.")
    assert read_records(run) == []
    run.write_text(json.dumps(record("x", 0.5)) + "\n")
    assert check_claims(read_chapter(page), read_records(run)) == []


@pytest.mark.parametrize(
    ("tolerance", "most", "least"),
    [({"factor": 3}, 2.9, 0.4), ({"within": 0.5}, 1.4, 0.6)],
)
def test_a_bound_has_the_tolerance_of_its_claim(tolerance, most, least):
    most_page = chapter("at most 1.0<!-- claim: x at most -->")
    least_page = chapter("at least 1.0<!-- claim: x at least -->")
    assert check_claims(most_page, [record("x", most, **tolerance)]) == []
    assert check_claims(most_page, [record("x", 1.1 * most, **tolerance)])
    assert check_claims(least_page, [record("x", least, **tolerance)]) == []
    assert check_claims(least_page, [record("x", 0.8 * least, **tolerance)])


@pytest.mark.parametrize(
    ("tolerance", "is_refused"),
    [
        ({"factor": 60}, False),
        ({"factor": 61}, True),
        ({"within": 1}, False),
        ({"within": 1.1}, True),
    ],
)
def test_a_tolerance_that_says_nothing_is_refused(tolerance, is_refused):
    page = chapter("0.5<!-- claim: x -->")
    problems = check_claims(page, [record("x", 0.5, **tolerance)])
    assert bool(problems) == is_refused
    assert all("says nothing" in problem for problem in problems)


@pytest.mark.parametrize(
    ("reason", "is_refused"),
    [
        ("Table 7 of the paper", True),
        ("from Table 9 of the paper", True),
        ("recorded in sympflow.json", True),
        ("CPU seconds in the records", True),
        ("counted in the table above", True),
        ("read off the table above", True),
        ("printed above", True),
        ("dt of the table", False),
        ("parameter of the system", False),
    ],
)
def test_a_number_that_a_program_could_read_is_not_given(reason, is_refused):
    (problem,) = check_claims(chapter(f"0.5<!-- given: {reason} -->"), []) or [""]
    assert ("Read it there" in problem) == is_refused
