"""Which answers count as equal, and what is said about those that do not."""

import numpy as np
import pytest
import torch

from coursework.judge.session import Answer
from coursework.question import Check, Question
from coursework.scoring import agree, calls_of, score

X = torch.tensor([1.0, 2.0], dtype=torch.float64)


@pytest.mark.parametrize(
    ("found", "right"),
    [
        ([1.0, 2.0], [1.0, 2.0]),
        ([np.array(1.0), 2.0], [1.0, 2.0]),
        ([[1.0, 2.0], [3.0, 4.0]], [[1.0, 2.0], [3.0, 4.0]]),
        ([np.array([1.0, 2.0]), [3.0, 4.0]], [[1.0, 2.0], [3.0, 4.0]]),
    ],
)
def test_lists_of_numbers_count_as_the_array_they_make(found, right):
    assert agree(found, np.array(right), 1e-6)
    assert not agree(found, np.array(right) + 1, 1e-6)


@pytest.mark.parametrize("found", [[], [1.0], [[1.0, 2.0]], [[1.0], 2.0], [1, [2]]])
def test_a_list_of_another_shape_is_wrong(found):
    assert not agree(found, np.array([1.0, 2.0]), 1e-6)
    assert not agree(found, np.array(1.0), 1e-6)


def test_float32_is_named_and_a_wrong_number_is_not():
    question = Question("q", "f", lambda x: x / 3, (X,), (Check("c", 1, ((X,),)),))
    n = len(calls_of([question]))
    for factor, nearly in ((1 + 3e-6, True), (1 + 3e-4, False)):
        answers = [Answer(value=(X / 3 * factor).numpy())] * n
        (found,) = score([question], answers)
        assert found.points == 0 and ("float32" in found.mistake) == nearly
