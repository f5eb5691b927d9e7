"""The checks on convection accept what is right and name what is wrong."""

import math

import pytest
import torch

from lecture_utils.exercises_convection import (
    check_follow_nearest,
    check_half_a_period,
    check_threshold,
)


def rayleigh(k):
    return (k**2 + math.pi**2) ** 3 / k**2


def threshold(period):
    return min(rayleigh(2 * math.pi * n / period) for n in range(1, 100))


def threshold_by_neighbours(period):
    """The function falls, then rises: only the two waves next to its lowest matter."""
    n = max(1, math.floor(period / math.sqrt(8)))
    k = 2 * math.pi / period
    return torch.tensor([rayleigh(n * k), rayleigh((n + 1) * k)]).double().min()


def half_a_period(a, b):
    n = torch.arange(b.shape[1])
    return a * (-1.0) ** n[1:], b * (-1.0) ** n


def half_a_period_by_slices(a, b):
    a, b = a.clone(), b.clone()
    a[:, ::2] *= -1
    b[:, 1::2] *= -1
    return [a, b]


def half_a_period_in_place(a, b):
    a[:, ::2] *= -1
    b[:, 1::2] *= -1
    return a, b


def follow_nearest(h0, known):
    return known[torch.cdist(h0, known[:, 0]).argmin(dim=1)]


def follow_nearest_by_loop(h0, known):
    rows = [(known[:, 0] - h).square().sum(-1).argmin() for h in h0]
    return torch.stack([known[i] for i in rows])


@pytest.mark.parametrize(
    ("check", "answer"),
    [
        (check_threshold, threshold),
        (check_threshold, threshold_by_neighbours),
        (check_half_a_period, half_a_period),
        (check_half_a_period, half_a_period_by_slices),
        (check_follow_nearest, follow_nearest),
        (check_follow_nearest, follow_nearest_by_loop),
    ],
)
def test_right_answers_pass(check, answer, capsys):
    check(answer)
    assert "Passed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("check", "wrong", "hint"),
    [
        (check_threshold, lambda p: 27 * math.pi**4 / 4, "Only some wavenumbers"),
        (check_threshold, lambda p: rayleigh(2 * math.pi / p), "try larger n"),
        (
            check_threshold,
            lambda p: min(rayleigh(math.pi * n / p) for n in range(1, 40)),
            "A whole period",
        ),
        (
            check_threshold,
            lambda p: max(rayleigh(2 * math.pi * n / p) for n in range(1, 40)),
            "smallest threshold",
        ),
        (
            check_threshold,
            lambda p: rayleigh(2 * math.pi * max(1, round(p / math.sqrt(8))) / p),
            "try larger n",
        ),
        (check_threshold, lambda p: 2 * threshold(p), r"\(k\^2"),
        (check_threshold, lambda p: math.nan, "finite number"),
        (check_half_a_period, half_a_period_in_place, "Leave the given"),
        (check_half_a_period, lambda a, b: (-a, half_a_period(a, b)[1]), "odd waves"),
        (check_half_a_period, lambda a, b: (a, b), "Nothing has moved"),
        (
            check_half_a_period,
            lambda a, b: (-half_a_period(a, b)[0], half_a_period(a, b)[1]),
            "belongs to n = 1",
        ),
        (check_half_a_period, lambda a, b: half_a_period(a, b)[0], "two tensors"),
        (check_half_a_period, lambda a, b: (b, a), "shape"),
        (check_half_a_period, lambda a, b: (a.flip(0), b), r"\(-1\)\^n"),
        (
            check_follow_nearest,
            lambda h, k: k[torch.cdist(h, k[:, 0]).argmax(dim=1)],
            "farthest",
        ),
        (
            check_follow_nearest,
            lambda h, k: k[torch.cdist(h, k[:, -1]).argmin(dim=1)],
            "first snapshots",
        ),
        (
            check_follow_nearest,
            lambda h, k: k[(h[:, None, 0] - k[None, :, 0, 0]).abs().argmin(1)],
            "All components",
        ),
        (
            check_follow_nearest,
            lambda h, k: k[(h[:, None] - k[None, :, 0]).sum(-1).argmin(dim=1)],
            "cancel",
        ),
        (
            check_follow_nearest,
            lambda h, k: k[torch.cdist(h, k.flatten(0, 1)).argmin(1) // k.shape[1]],
            "not with later ones",
        ),
        (check_follow_nearest, lambda h, k: k[: len(h)], "over all components"),
        (check_follow_nearest, lambda h, k: k[0], r"return \(5, 6, 3\)"),
        (check_follow_nearest, lambda h, k: None, "end with return"),
    ],
)
def test_wrong_answers_are_named(check, wrong, hint):
    with pytest.raises(AssertionError, match=hint):
        check(wrong)
