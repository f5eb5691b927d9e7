import math

import pytest
import torch

from lecture_utils.data import (
    cut_into_windows,
    disc_and_annulus,
    reference_trajectories,
    sample_box,
    two_moons,
    two_spirals,
)
from lecture_utils.systems import (
    HarmonicOscillator,
    HopfNormalForm,
    HyperbolicFixedPoint,
    Lorenz63,
    VanDerPol,
)


def test_samples_fill_their_box_and_repeat_with_their_generator():
    region = ((-2.0, 2.0), (0.0, 1.0))
    draw = [
        sample_box(region, 4000, generator=torch.Generator().manual_seed(s))
        for s in (3, 3, 4)
    ]
    assert torch.equal(draw[0], draw[1]) and not torch.equal(draw[0], draw[2])
    low, high = draw[0].amin(0), draw[0].amax(0)
    assert low.tolist() == pytest.approx([-2, 0], abs=0.01)
    assert high.tolist() == pytest.approx([2, 1], abs=0.01)
    assert draw[0].mean(0).tolist() == pytest.approx([0, 0.5], abs=0.08)
    x = sample_box(
        region, 3, generator=torch.Generator().manual_seed(3), dtype=torch.float32
    )
    assert x.dtype == torch.float32


@pytest.mark.parametrize(
    "system", [HarmonicOscillator(), HyperbolicFixedPoint(), HopfNormalForm()]
)
def test_reference_trajectories_are_as_accurate_as_they_say(system, generator):
    x0 = sample_box(system.region, 10, generator=generator)
    times = torch.arange(101, dtype=torch.float64) * 0.1
    states, error, relative_error = reference_trajectories(system, x0, times)
    true = torch.stack([system.flow(t, x0) for t in times.tolist()], dim=1)
    true_error = (states - true).abs().max().item()
    assert true_error <= max(error, 1e-14 * true.abs().max().item())
    assert relative_error <= 1e-10
    assert error == pytest.approx(relative_error * true.abs().max().item(), rel=1e-6)


def test_van_der_pol_reference_meets_its_tolerance_where_rk4_does_not(generator):
    x0 = sample_box(VanDerPol.region, 10, generator=generator)
    times = torch.arange(1001, dtype=torch.float64) * 0.01
    assert reference_trajectories(VanDerPol(), x0, times).relative_error <= 1e-10


def test_two_references_of_a_chaotic_system_agree():
    x0 = torch.tensor([[1.0, 2.0, 20.0]], dtype=torch.float64)
    coarse_times = torch.arange(257, dtype=torch.float64) * 0.01
    fine_times = torch.arange(1025, dtype=torch.float64) * 0.0025
    coarse = reference_trajectories(Lorenz63(), x0, coarse_times, rtol=0, atol=1e-8)
    fine = reference_trajectories(Lorenz63(), x0, fine_times, rtol=0, atol=1e-8)
    assert coarse.error <= 1e-8
    assert (coarse.states - fine.states[:, ::4]).abs().max() <= 1e-8


def test_the_tolerance_decides_the_work(generator):
    x0 = sample_box(VanDerPol.region, 5, generator=generator)
    times = torch.linspace(0, 4, 11, dtype=torch.float64)
    loose = reference_trajectories(VanDerPol(), x0, times, rtol=1e-3)
    tight = reference_trajectories(VanDerPol(), x0, times, rtol=1e-11)
    assert tight.relative_error <= 1e-11 < loose.relative_error <= 1e-3


def test_a_trajectory_that_escapes_is_named_with_its_time():
    times = torch.linspace(0, 2, 21, dtype=torch.float64)
    x0 = torch.tensor([[1.0], [0.1]], dtype=torch.float64)  # x = x0 / (1 - x0 t)
    with pytest.raises(ValueError, match=r"1 of 2 trajectories .* by t = 1"):
        reference_trajectories(lambda t, x: x**2, x0, times)


@pytest.mark.parametrize(("rate", "n_times"), [(50.0, 2), (300.0, 21), (2000.0, 21)])
def test_a_stiff_field_is_no_escape(rate, n_times):
    # With few substeps the runs grow, at 2000 until they overflow; the solution decays.
    x0 = torch.ones(1, dtype=torch.float64)
    times = torch.linspace(0, 2, n_times, dtype=torch.float64)
    found = reference_trajectories(
        lambda t, x: -rate * x, x0, times, max_substeps=1024, rtol=1e-8
    )
    assert found.error < 1e-8
    assert (found.states[:, 0] - (-rate * times).exp()).abs().max() <= found.error
    with pytest.raises(ValueError, match=r"by t = .*stiff.*larger max_substeps"):
        reference_trajectories(lambda t, x: -1e5 * x, x0, times)


@pytest.mark.parametrize("n_times", [2, 3, 5, 9, 21, 101])
def test_no_grid_hides_an_escape(n_times):
    times = torch.linspace(0, 4, n_times, dtype=torch.float64)
    with pytest.raises(ValueError, match="leave the finite numbers"):
        reference_trajectories(lambda t, x: x**2, torch.ones(1).double(), times)


def test_a_rough_field_is_refused_with_the_difference():
    times = torch.linspace(0, 1, 3, dtype=torch.float64)
    field = lambda t, x: torch.sign(x - 1 / math.e) - 2  # noqa: E731
    with pytest.raises(RuntimeError, match="still differ by"):
        reference_trajectories(
            field, torch.ones(1).double(), times, rtol=1e-14, max_substeps=32
        )


def test_magnified_rounding_is_not_fought_with_ever_finer_steps():
    calls = 0

    def growth(t, x):
        nonlocal calls
        calls += 1
        return x

    times = torch.linspace(0, 30, 301, dtype=torch.float64)
    x0 = torch.ones(1, 1, dtype=torch.float64)
    with pytest.raises(RuntimeError, match="magnifies rounding"):
        reference_trajectories(growth, x0, times, rtol=0.0, atol=1e-10)
    assert calls < 300 * 12 * 20  # one, two, four, perhaps eight steps per gap, not 64


def test_windows_hold_every_start_that_fits():
    trajectory = torch.arange(10.0).reshape(1, 10, 1).repeat(2, 1, 2)
    trajectory[1] += 100
    windows = cut_into_windows(trajectory, n_steps=2, stride=3)
    assert windows.shape == (8, 3, 2)
    assert windows[0, :, 0].tolist() == [0, 3, 6]
    assert windows[3, :, 0].tolist() == [3, 6, 9]
    assert windows[7, :, 1].tolist() == [103, 106, 109]


def reference(x0, **options):
    times = torch.linspace(0, 1, 3)
    return reference_trajectories(VanDerPol(), x0.double(), times, **options)


BAD_INPUT = [
    (lambda g: sample_box(((1.0, 0.0),), 3, generator=g), "low, high"),
    (
        lambda g: reference_trajectories(VanDerPol(), torch.ones(2), torch.arange(3.0)),
        "float64",
    ),
    (lambda g: cut_into_windows(torch.ones(3, 2), 3), "needs 4 samples"),
    (lambda g: cut_into_windows(torch.full((5, 2), math.nan), 1), "nan or inf"),
    (lambda g: cut_into_windows(torch.ones(5, 2), 2.0), "n_steps .* got 2.0"),
    (lambda g: cut_into_windows(torch.ones(5, 2), 1, 0), "stride .* >= 1, got 0"),
    (lambda g: cut_into_windows(torch.ones(5), 1), r"T, d\).*\(5,\)"),
    (lambda g: sample_box(((0.0, math.inf),), 2, generator=g), "finite"),
    (lambda g: sample_box(((0.0, math.nan),), 2, generator=g), "finite"),
    (lambda g: sample_box((0.0, 1.0), 2, generator=g), "low, high"),
    (lambda g: sample_box(((0.0, 1.0),), -1, generator=g), "n .* >= 0"),
    (
        lambda g: sample_box(((0.0, 1.0),), 2, generator=g, dtype=torch.long),
        "dtype must be floating-point, got torch.int64",
    ),
    (lambda g: reference(torch.ones(0, 2)), "at least one state"),
    (lambda g: reference(torch.ones(1, 2), max_substeps=1), "max_substeps .* >= 2"),
    (lambda g: cut_into_windows(torch.ones(5, 2), 0), "n_steps .* >= 1, got 0"),
]


@pytest.mark.parametrize(("call", "message"), BAD_INPUT)
def test_bad_input_is_named(call, message, generator):
    with pytest.raises(ValueError, match=message):
        call(generator)


@pytest.mark.parametrize("make", [two_moons, two_spirals, disc_and_annulus])
def test_a_two_class_set_is_balanced_planar_and_repeatable(make):
    points, labels = make(100, generator=torch.Generator().manual_seed(5))
    again, _ = make(100, generator=torch.Generator().manual_seed(5))
    other, _ = make(100, generator=torch.Generator().manual_seed(6))
    assert points.shape == (100, 2) and points.dtype == torch.float32
    assert labels.sum() == 50 and set(labels.tolist()) == {0, 1}
    assert torch.equal(points, again) and not torch.equal(points, other)


def test_moons_are_half_circles_around_two_centres(generator):
    points, labels = two_moons(400, generator=generator, noise=0.0)
    first, second = points[labels == 0], points[labels == 1]
    for moon, centre in ((first, [-0.5, -0.25]), (second, [0.5, 0.25])):
        radius = (moon - torch.tensor(centre)).norm(dim=1)
        torch.testing.assert_close(radius, torch.ones(200))
    assert first[:, 1].min() > -0.26 and second[:, 1].max() < 0.26


def test_spirals_wind_as_often_as_asked_and_never_touch(generator):
    points, labels = two_spirals(400, generator=generator, noise=0.0, turns=2.0)
    radius = points.norm(dim=1)
    angle = torch.atan2(points[:, 1], points[:, 0])
    expected = torch.pi * (4 * radius / 1.5 + labels)
    torch.testing.assert_close(torch.cos(angle), torch.cos(expected), atol=1e-4, rtol=0)
    assert radius.max() <= 1.5


def test_a_disc_lies_inside_its_annulus(generator):
    points, labels = disc_and_annulus(1000, generator=generator)
    radius = points.norm(dim=1)
    assert radius[labels == 0].max() <= 0.5
    assert radius[labels == 1].min() >= 0.7 and radius[labels == 1].max() <= 1.2
    # uniform in area: half of the disc's points lie beyond radius 0.5 / sqrt 2
    beyond = (radius[labels == 0] > 0.5 / 2**0.5).double().mean().item()
    assert beyond == pytest.approx(0.5, abs=0.07)
