"""A check is right only if it also rejects the mistakes learners make."""

import math

import pytest
import torch

from lecture_utils.exercises_approximation import (
    check_flow_floor,
    check_hat,
    check_least_time,
    check_polynomial_width,
)


def hat(x, left, peak, right):
    up, down = 1 / (peak - left), 1 / (right - peak)
    units = [torch.relu(x - corner) for corner in (left, peak, right)]
    return up * units[0] - (up + down) * units[1] + down * units[2]


def hat_by_minimum(x, left, peak, right):
    sides = torch.minimum((x - left) / (peak - left), (right - x) / (right - peak))
    return torch.relu(sides)


def flow_floor(values):
    return (values.cummax(0).values - values).max() / 2


def flow_floor_by_pairs(values):
    drops = [values[i] - values[i:].min() for i in range(len(values))]
    return max(drops).item() / 2


def polynomial_width(degree, dim):
    return math.comb(degree + dim, degree)


def polynomial_width_by_counting(degree, dim):
    if dim == 0:
        return 1
    return sum(
        polynomial_width_by_counting(degree - k, dim - 1) for k in range(degree + 1)
    )


def least_time(x, y, lipschitz):
    return (torch.pdist(y) / torch.pdist(x)).log().abs().max() / lipschitz


def least_time_by_loops(x, y, lipschitz):
    pairs = [(i, j) for i in range(len(x)) for j in range(i)]
    ratios = [(y[i] - y[j]).norm() / (x[i] - x[j]).norm() for i, j in pairs]
    return max(abs(math.log(r)) for r in ratios) / lipschitz


RIGHT = [
    (check_hat, hat),
    (check_hat, hat_by_minimum),
    (check_flow_floor, flow_floor),
    (check_flow_floor, flow_floor_by_pairs),
    (check_polynomial_width, polynomial_width),
    (check_polynomial_width, polynomial_width_by_counting),
    (check_least_time, least_time),
    (check_least_time, least_time_by_loops),
]


@pytest.mark.parametrize(("check", "right"), RIGHT)
def test_a_right_answer_passes(check, right, capsys):
    check(right)
    assert "Passed" in capsys.readouterr().out


def relu_sum(*weights):
    def wrong(x, *corners):
        a, b, c = corners
        values = weights[0](1 / (b - a), 1 / (c - b))
        return sum(w * torch.relu(x - k) for w, k in zip(values, corners, strict=True))

    return wrong


def longest_descent(values):
    falls = [0.0]
    for step in values.diff().tolist():
        falls.append(max(0.0, falls[-1] - step) if step < 0 else 0.0)
    return max(falls) / 2


WRONG = [
    (check_hat, relu_sum(lambda up, down: (1, -2, 1)), "height 1"),
    (check_hat, relu_sum(lambda up, down: (up, -up - down, 0)), "falls for ever"),
    (check_hat, relu_sum(lambda up, down: (up, -up, 0)), "flat"),
    (check_hat, relu_sum(lambda up, down: (up, -2 * up, up)), "differ in"),
    (check_hat, lambda x, a, b, c: torch.relu(x), "slope in each"),
    (check_hat, lambda x, a, b, c: x * float("nan"), "slope in each"),
    (check_hat, lambda x, a, b, c: x[0], "same shape"),
    (check_hat, lambda x, a, b, c: None, "return"),
    (check_flow_floor, lambda v: 2 * flow_floor(v), "half of it each"),
    (check_flow_floor, lambda v: -v.diff().min() / 2, "neighbours only"),
    (check_flow_floor, lambda v: (v.max() - v.min()) / 2, "ignores the order"),
    (check_flow_floor, lambda v: flow_floor(-v), "largest rise"),
    (check_flow_floor, lambda v: -v.diff().clamp(max=0).sum() / 2, "all descents"),
    (check_flow_floor, lambda v: 0.22137, "so far"),
    (check_flow_floor, lambda v: (v.max() - v[v.argmax() :].min()) / 2, "start at"),
    (check_flow_floor, lambda v: (v[: v.argmin() + 1].max() - v.min()) / 2, "end at"),
    (check_flow_floor, longest_descent, "interrupted"),
    (
        check_flow_floor,
        lambda v: max((v[i] - v[i + 1 :]).max() / 2 for i in range(len(v) - 1)),
        "never negative",
    ),
    (check_flow_floor, lambda v: float("nan"), "finite"),
    (check_flow_floor, lambda v: v, "one number"),
    (check_flow_floor, lambda v: None, "return"),
    (check_polynomial_width, lambda p, d: p + 1, "one input only"),
    (check_polynomial_width, lambda p, d: math.comb(p + d - 1, p), "lower ones"),
    (check_polynomial_width, lambda p, d: (p + 1) ** d, "sum of|one input"),
    (check_polynomial_width, lambda p, d: p * d + 1, "Mixed"),
    (check_polynomial_width, lambda p, d: p**d, "add up|by hand"),
    (check_polynomial_width, lambda p, d: 4, "one input|by hand"),
    (check_polynomial_width, lambda p, d: math.comb(p + d, d) - 1, "the constant"),
    (check_polynomial_width, lambda p, d: None, "return"),
    (
        check_least_time,
        lambda x, y, k: (torch.pdist(y) / torch.pdist(x)).log().max() / k,
        "pulling apart",
    ),
    (
        check_least_time,
        lambda x, y, k: (torch.pdist(y) / torch.pdist(x)).log().max().abs() / k,
        "of each pair first",
    ),
    (
        check_least_time,
        lambda x, y, k: (torch.cdist(y, y) / torch.cdist(x, x)).log().abs().max() / k,
        "leave out i = j",
    ),
    (check_least_time, lambda x, y, k: k * least_time(x, y, k), "Divide by"),
    (check_least_time, lambda x, y, k: k**2 * least_time(x, y, k), "not multiply"),
    (
        check_least_time,
        lambda x, y, k: (torch.pdist(y) / torch.pdist(x)).max() / k,
        "logarithm",
    ),
    (
        check_least_time,
        lambda x, y, k: (
            (y.diff(dim=0).norm(dim=-1) / x.diff(dim=0).norm(dim=-1)).log().abs().max()
            / k
        ),
        "all pairs",
    ),
    (check_least_time, lambda x, y, k: (y - x).norm(dim=-1).max() / k, "how far"),
    (check_least_time, lambda x, y, k: 2 * least_time(x, y, k), "squares"),
    (
        check_least_time,
        lambda x, y, k: (torch.pdist(y) / torch.pdist(x)).log().abs().mean() / k,
        "the largest",
    ),
    (check_least_time, lambda x, y, k: 1.0, "For one pair"),
    (check_least_time, lambda x, y, k: x, "one number"),
    (check_least_time, lambda x, y, k: None, "return"),
]


@pytest.mark.parametrize(("check", "wrong", "hint"), WRONG)
def test_a_common_mistake_is_named(check, wrong, hint):
    with pytest.raises(AssertionError, match=hint):
        check(wrong)
