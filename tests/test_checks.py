"""The shared rules: what passes, what is refused, and what the message says."""

import math

import numpy as np
import pytest
import torch

from lecture_utils.checks import (
    check_count,
    check_even,
    check_finite,
    check_like,
    check_states,
)

X = torch.ones(4, 2)


def test_what_obeys_the_rules_passes():
    for count in (1, np.int64(3)):
        check_count("n", count, least=1)
    check_even(4)
    check_states("x", X, shape="(..., T, d)")
    check_states("x", torch.ones(0, 2))
    check_finite("x", X)
    check_like("flow", 2 * X, X)


BAD = [
    (lambda: check_count("n", -1), "n must be a whole number >= 0, got -1"),
    (lambda: check_count("n", 0, least=1), "n .* >= 1, got 0"),
    (lambda: check_count("n", 2.0), "got 2.0.*int or round"),
    (lambda: check_count("n", True), "got True"),
    (lambda: check_count("n", math.inf), "got inf"),
    (lambda: check_count("n", "2"), "got '2'"),
    (lambda: check_even(3), "as many momenta as positions, but has 3"),
    (lambda: check_even(0), "but has 0"),
    (lambda: check_states("x", 1.0), "must be a tensor, got float"),
    (lambda: check_states("x", X.long()), r"int64.*x\.to\(torch\.float64\)"),
    (lambda: check_states("x", torch.tensor(1.0)), r"\(\.\.\., d\).*x\[None\]"),
    (lambda: check_states("x", X[0], shape="(..., T, d)"), r"T, d\).*\(2,\)"),
    (lambda: check_states("x", X[:, :0]), r"d >= 1.*\(4, 0\)"),
    (lambda: check_finite("x", X / 0), "8 of its 8 entries"),
    (lambda: check_like("f", None, X), "f must .* no tensor but NoneType"),
    (lambda: check_like("f", (X, X), X), "tuple"),
    (lambda: check_like("f", X.mT, X), r"\(4, 2\).*returned shape \(2, 4\).*dim=-1"),
    (lambda: check_like("f", X.double(), X), "float32.*float64.*new_tensor"),
    (lambda: check_like("f", X.to("meta"), X), "on cpu.*on meta"),
]


@pytest.mark.parametrize(("call", "message"), BAD)
def test_what_breaks_a_rule_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
