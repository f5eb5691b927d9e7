"""The checks on Hamiltonian discovery accept what is right and name what is wrong."""

import math

import pytest
import torch

from lecture_utils.exercises_discovery import (
    check_corrected_mass,
    check_drift_first_law,
    check_unsteadiness,
    check_verlet_miss,
)


def moves(first, drift, last):
    """A step from three moves, less the data; every argument changes one of them."""

    def miss(m, slope, x, x_next, h):
        q, p = x.chunk(2, dim=-1)
        p_half = first(q, p, m, slope, h)
        q_next = drift(q, p, p_half, m, h)
        p_next = last(q, q_next, p_half, slope, h)
        return torch.cat([q_next, p_next], dim=-1) - x_next

    return miss


def kick(q, p, m, slope, h):
    return p - h / 2 * slope(q)


def glide(q, p, p_half, m, h):
    return q + h * p_half @ m


def kick_again(q, q_next, p_half, slope, h):
    return p_half - h / 2 * slope(q_next)


right_miss = moves(kick, glide, kick_again)


def miss_by_leapfrog(m, slope, x, x_next, h):
    q, p = x[..., :2], x[..., 2:]
    q_next = q + h * p @ m - h**2 / 2 * slope(q) @ m
    p_next = p - h * (slope(q) + slope(q_next)) / 2
    return torch.cat([q_next - x_next[..., :2], p_next - x_next[..., 2:]], dim=-1)


def drift_first(m, slope, x, x_next, h):
    q, p = x.chunk(2, dim=-1)
    q = q + h / 2 * p @ m
    p = p - h * slope(q)
    return torch.cat([q + h / 2 * p @ m, p], dim=-1) - x_next


def drift_law(h):
    return 2 * math.tan(h / 2) / h, math.sin(h) / h


def corrected(learned, curvature, h):
    return learned + h**2 / 6 * learned @ curvature @ learned


def corrected_by_iteration(learned, curvature, h):
    m = learned
    for _ in range(20):
        m = learned + h**2 / 6 * m @ curvature @ m
    return m


def unsteadiness(energies):
    along = energies.std(1, correction=0).square().mean().sqrt()
    return along / energies.mean(1).std(correction=0)


def unsteadiness_by_variances(energies):
    mean = energies.mean(1, keepdim=True)
    along = ((energies - mean) ** 2).mean()
    return float((along / mean.var(correction=0)) ** 0.5)


RIGHT = [
    (check_verlet_miss, right_miss),
    (check_verlet_miss, miss_by_leapfrog),
    (check_drift_first_law, drift_law),
    (
        check_drift_first_law,
        lambda h: [(1 - math.cos(h)) / math.sin(h) * 2 / h, math.sin(h) / h],
    ),
    (check_corrected_mass, corrected),
    (check_corrected_mass, corrected_by_iteration),
    (check_unsteadiness, unsteadiness),
    (check_unsteadiness, unsteadiness_by_variances),
]


@pytest.mark.parametrize(("check", "right"), RIGHT)
def test_right_answers_pass(check, right, capsys):
    check(right)
    assert "Passed" in capsys.readouterr().out


WRONG = [
    (
        check_verlet_miss,
        moves(kick, glide, lambda q, q1, p, slope, h: p - h / 2 * slope(q)),
        "where the drift ended",
    ),
    (
        check_verlet_miss,
        moves(kick, lambda q, p, p_half, m, h: q + h * p @ m, kick_again),
        "after the first kick",
    ),
    (
        check_verlet_miss,
        moves(
            lambda q, p, m, slope, h: p - h * slope(q),
            glide,
            lambda q, q1, p, slope, h: p - h * slope(q1),
        ),
        "push twice as hard",
    ),
    (
        check_verlet_miss,
        moves(kick, lambda q, p, p_half, m, h: q + h * p_half, kick_again),
        "M p, not p",
    ),
    (
        check_verlet_miss,
        lambda m, slope, x, x_next, h: right_miss(m, lambda q: -slope(q), x, x_next, h),
        "minus the slope",
    ),
    (check_verlet_miss, drift_first, "another bias"),
    (check_verlet_miss, lambda m, s, x, y, h: right_miss(m, s, x, y, h) + y, "away"),
    (check_verlet_miss, lambda m, s, x, y, h: -right_miss(m, s, x, y, h), "sign"),
    (check_verlet_miss, lambda m, s, x, y, h: x * math.nan, "one below the other"),
    (check_verlet_miss, lambda m, s, x, y, h: None, "return"),
    (check_verlet_miss, lambda m, s, x, y, h: x[:, :2], "same shape"),
    (check_drift_first_law, lambda h: (1, 1), "true law"),
    (check_drift_first_law, lambda h: drift_law(h)[::-1], "for kick, drift, kick"),
    (check_drift_first_law, lambda h: (math.tan(h / 2), math.sin(h)), "duration"),
    (
        check_drift_first_law,
        lambda h: (math.tan(h / 2) / h, math.sin(h) / h),
        "drift lasts half",
    ),
    (
        check_drift_first_law,
        lambda h: (2 * math.tan(h / 2) / h, 2 * math.sin(h) / h),
        "whole step",
    ),
    (check_drift_first_law, lambda h: (1 + h**2 / 12, 1 - h**2 / 6), "Nearly"),
    (check_drift_first_law, lambda h: (2.0, 3.0), "three matrices"),
    (check_drift_first_law, lambda h: (math.nan, 3.0), "a = nan"),
    (check_drift_first_law, lambda h: 1.0, "two coefficients"),
    (check_corrected_mass, lambda m, c, h: 2 * m - corrected(m, c, h), "too small"),
    (check_corrected_mass, lambda m, c, h: m + h**2 / 12 * m @ c @ m, "1/6"),
    (check_corrected_mass, lambda m, c, h: m + h**2 / 6 * c @ m, "both sides"),
    (check_corrected_mass, lambda m, c, h: m + h / 6 * m @ c @ m, "square of h"),
    (check_corrected_mass, lambda m, c, h: m + h**2 / 6 * m * c * m, "written @"),
    (check_corrected_mass, lambda m, c, h: m, "Nothing"),
    (check_corrected_mass, lambda m, c, h: 0 * m, "into the formula"),
    (check_corrected_mass, lambda m, c, h: None, "return"),
    (
        check_unsteadiness,
        lambda e: e.std(1, correction=0).square().mean().sqrt(),
        "nearly constant",
    ),
    (check_unsteadiness, lambda e: unsteadiness(e.mT), "Rows are trajectories"),
    (
        check_unsteadiness,
        lambda e: e.std(1, correction=0).mean() / e.mean(1).std(correction=0),
        "root mean square",
    ),
    (
        check_unsteadiness,
        lambda e: e.std(1, correction=0).square().mean().sqrt() / e.std(correction=0),
        "not of all energies",
    ),
    (check_unsteadiness, lambda e: unsteadiness(e) ** 2, "Take the root"),
    (check_unsteadiness, lambda e: 1 / unsteadiness(e), "inverse"),
    (
        check_unsteadiness,
        lambda e: e.std(1, correction=0).square().mean().sqrt() / e.mean().abs(),
        "up to a constant",
    ),
    (check_unsteadiness, lambda e: 0.0, "along a row"),
    (check_unsteadiness, lambda e: e, "one number"),
    (check_unsteadiness, lambda e: math.nan, "finite"),
]


@pytest.mark.parametrize(("check", "wrong", "hint"), WRONG)
def test_mistakes_are_named(check, wrong, hint):
    with pytest.raises(AssertionError, match=hint):
        check(wrong)
