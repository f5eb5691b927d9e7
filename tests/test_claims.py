"""The recorder of measured numbers."""

import json
import math

import numpy as np
import pytest
import torch

from lecture_utils.claims import claim


@pytest.fixture
def recorded(tmp_path, monkeypatch):
    path = tmp_path / "claims.jsonl"
    monkeypatch.setenv("BOOK_CLAIMS", str(path))

    def lines():
        return [json.loads(line) for line in path.read_text().splitlines()]

    return lines


def test_a_claim_is_one_line_and_keeps_every_digit(recorded):
    assert claim("one-third", 1 / 3) is None
    claim("accuracy", 0.9, within=0.01)
    claim("ratio", 2e-13, factor=10)
    assert recorded() == [
        {"name": "one-third", "value": 1 / 3, "within": None, "factor": None},
        {"name": "accuracy", "value": 0.9, "within": 0.01, "factor": None},
        {"name": "ratio", "value": 2e-13, "within": None, "factor": 10.0},
    ]


@pytest.mark.parametrize(
    "value",
    [
        2,
        2.0,
        np.float32(2),
        np.float64(2),
        np.int64(2),
        torch.tensor(2),
        torch.tensor(2.0, dtype=torch.float64, requires_grad=True),
    ],
)
def test_every_kind_of_real_number_is_recorded_as_a_float(recorded, value):
    claim("two", value)
    (line,) = recorded()
    assert line["value"] == 2.0


@pytest.mark.parametrize(
    "value",
    [
        math.nan,
        math.inf,
        -math.inf,
        torch.tensor(math.nan),
        np.float64("inf"),
        10**400,
        True,
        np.bool_(True),
        torch.tensor(True),
        torch.ones(1),
        np.ones(2),
        [1.0],
        "0.5",
        None,
        1j,
        torch.tensor(1j),
    ],
)
def test_what_is_not_one_finite_number_is_refused(recorded, value):
    with pytest.raises(ValueError, match="one finite real number"):
        claim("x", value)


@pytest.mark.parametrize("name", ["", "X", "a_b", "a b", "-a", "a-", "a--b", "1a", 3])
def test_a_name_is_lowercase_words_and_hyphens(name):
    with pytest.raises(ValueError, match="joined by hyphens"):
        claim(name, 1.0)


@pytest.mark.parametrize(
    ("value", "tolerance", "message"),
    [
        (1.0, {"within": 0.1, "factor": 2}, "one tolerance"),
        (1.0, {"within": 0.0}, "positive"),
        (1.0, {"within": -0.1}, "positive"),
        (1.0, {"within": math.nan}, "within of a claim"),
        (1.0, {"within": math.inf}, "within of a claim"),
        (1.0, {"factor": 1.0}, "larger than 1"),
        (0.0, {"factor": 2.0}, "must not be 0"),
    ],
)
def test_a_tolerance_that_allows_nothing_or_everything_is_refused(
    value, tolerance, message
):
    with pytest.raises(ValueError, match=message):
        claim("x", value, **tolerance)


def test_a_learner_sees_nothing_of_a_claim(monkeypatch, tmp_path, capsys):
    monkeypatch.delenv("BOOK_CLAIMS", raising=False)
    monkeypatch.chdir(tmp_path)
    claim("x", 1.0)
    claim("x", 2.0)  # a cell run again with another parameter
    assert list(tmp_path.iterdir()) == []
    assert capsys.readouterr() == ("", "")
