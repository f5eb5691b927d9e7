import math

import numpy as np
import pytest
import torch
from scipy.interpolate import CubicSpline

from lecture_utils.interpolation import cubic_hermite, cubic_spline, linear


def polynomial(degree, n_points, n_substeps=1):
    """Values and slopes of (t - 1)^degree - 2 t at t = 0, 1/n_substeps, ..."""
    t = torch.arange((n_points - 1) * n_substeps + 1, dtype=torch.float64) / n_substeps
    values = (t - 1) ** degree - 2 * t
    slopes = degree * (t - 1) ** (degree - 1) - 2
    return values[:, None], slopes[:, None]


def hermite_of_unit_gaps(degree, n_points, n_substeps):
    return cubic_hermite(*polynomial(degree, n_points), 1.0, n_substeps)


def test_each_interpolant_reproduces_the_polynomials_of_its_degree_and_no_more():
    for n_points in (2, 3, 4, 5, 9):
        line, cubic, quartic = (polynomial(k, n_points, 5)[0] for k in (1, 3, 4))
        torch.testing.assert_close(linear(line[::5], 5), line)
        torch.testing.assert_close(hermite_of_unit_gaps(3, n_points, 5), cubic)
        assert (linear(cubic[::5], 5) - cubic).abs().max() > 0.05
        assert (hermite_of_unit_gaps(4, n_points, 5) - quartic).abs().max() > 0.05
        if n_points >= 4:
            torch.testing.assert_close(cubic_spline(cubic[::5], 5), cubic)
            assert (cubic_spline(quartic[::5], 5) - quartic).abs().max() > 0.05


def test_a_spline_through_few_states_is_the_polynomial_through_all_of_them():
    parabola, line = polynomial(2, 3, 5)[0], polynomial(1, 2, 5)[0]
    torch.testing.assert_close(cubic_spline(parabola[::5], 5), parabola)
    torch.testing.assert_close(cubic_spline(line[::5], 5), line)
    assert torch.equal(cubic_spline(line[:1], 5), line[:1])


@pytest.mark.parametrize("n_points", [2, 3, 4, 5, 6, 7, 8, 9, 33, 66, 400])
def test_the_spline_is_the_one_of_scipy(generator, n_points):
    states = torch.randn(3, n_points, 2, dtype=torch.float64, generator=generator)
    fine = cubic_spline(states, 5)
    scipy = CubicSpline(np.arange(n_points), states.numpy(), axis=1)
    expected = scipy(np.arange(fine.shape[1]) / 5)
    torch.testing.assert_close(fine, torch.from_numpy(expected), atol=1e-12, rtol=0)


@pytest.mark.parametrize(
    ("kind", "order"), [("line", 2), ("spline", 4), ("hermite", 4)]
)
def test_the_error_falls_with_the_order_of_the_interpolant(kind, order):
    def error(n_gaps):
        times = torch.linspace(0, 2, 4 * n_gaps + 1, dtype=torch.float64)[:, None]
        exact, coarse = times.sin(), times[::4]
        states, gap = coarse.sin(), 2 / n_gaps
        fine = {
            "line": lambda: linear(states, 4),
            "spline": lambda: cubic_spline(states, 4),
            "hermite": lambda: cubic_hermite(states, coarse.cos(), gap, 4),
        }[kind]()
        return (fine - exact).abs().max().item()

    assert math.log2(error(40) / error(80)) == pytest.approx(order, abs=0.2)


INTERPOLANTS = [linear, cubic_spline, lambda x, n: cubic_hermite(x, x, 0.5, n)]


@pytest.mark.parametrize("interpolant", INTERPOLANTS)
def test_given_states_are_kept_and_leading_axes_are_independent(interpolant, generator):
    states = torch.randn(2, 3, 7, 4, generator=generator)
    fine = interpolant(states, 5)
    assert fine.shape == (2, 3, 31, 4)
    assert torch.equal(fine[..., ::5, :], states)
    torch.testing.assert_close(interpolant(states[1, 2], 5), fine[1, 2])
    assert torch.equal(interpolant(states, 1), states)
    assert interpolant(states[..., :1, :], 5).shape == (2, 3, 1, 4)


@pytest.mark.parametrize("interpolant", INTERPOLANTS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_dtype_and_device_are_those_of_the_states(interpolant, dtype, device):
    fine = interpolant(torch.ones(6, 2, dtype=dtype, device=device), 3)
    assert fine.dtype == dtype and fine.device.type == device.type


BAD_INPUT = [
    (lambda: linear(torch.ones(3, 2), 0), "n_substeps .* >= 1, got 0"),
    (lambda: cubic_spline(torch.ones(5, 2), 1.5), "n_substeps .* whole number"),
    (
        lambda: cubic_hermite(torch.ones(3, 2), torch.ones(3, 1), 1.0, 2),
        r"\(3, 2\).*returned shape \(3, 1\)",
    ),
    (
        lambda: cubic_hermite(torch.ones(3, 2), torch.ones(3, 2).double(), 1.0, 2),
        "float32.*float64",
    ),
    (lambda: linear(torch.ones(3, 2), 2.0), "n_substeps .* got 2.0"),
    (lambda: linear(torch.ones(3), 2), r"\(\.\.\., T, d\).*\(3,\)"),
    (lambda: linear(torch.ones(3, 2).long(), 2), "floating-point"),
    (lambda: cubic_spline(torch.ones(3), 2), r"\(\.\.\., T, d\).*\(3,\)"),
    (lambda: cubic_spline(torch.ones(5, 2).long(), 2), "floating-point"),
    (lambda: cubic_hermite(torch.ones(3), torch.ones(3), 1.0, 2), r"T, d\)"),
]


@pytest.mark.parametrize(("call", "message"), BAD_INPUT)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
