"""The shipped fields are what the records say, and the comparison was fair."""

from statistics import median

import pytest
import torch
from torch import nn

from lecture_utils.integrators import integrate, rk4_step
from lecture_utils.systems import Lorenz63
from reproductions.onsager.__main__ import score_again
from reproductions.onsager.problems import (
    KINDS,
    PROBLEMS,
    SPACING,
    VALIDATION,
    ProductField,
    build,
    pairs,
)
from reproductions.onsager.scoring import (
    distance_of_distributions,
    fixed_point,
    fixed_point_errors,
    lorenz_fixed_points,
    lorenz_states,
    lyapunov_exponent,
    potential_error,
    read_records,
    scaled,
    score_pendulum,
    side_by_side,
    square_grid,
    valid_time,
)
from reproductions.onsager.training import (
    RATES,
    errors_of_seeds,
    groups,
    load_field,
    shipped_seeds,
    train_networks,
    unseen_error,
)

RECORDS = read_records()


def rows(system, kind, mode, role="score"):
    wanted = (system, kind, mode, role)
    return [
        r for r in RECORDS if (r["system"], r["kind"], r["mode"], r["role"]) == wanted
    ]


def typical(system, kind, mode, key="mse"):
    return median(row[key] for row in rows(system, kind, mode))


# ---- what was asked for


def test_onsagernet_learns_the_pendulum_better_than_its_rivals():
    for mode in ("epochs", "lm"):
        ours = typical("pendulum", "onsager", mode)
        for kind in ("symmetric", "symplectic"):
            assert 0 < ours <= 0.1 * typical("pendulum", kind, mode)
    assert max(row["mse"] for row in rows("pendulum", "onsager", "lm")) <= 1e-4
    ours = typical("pendulum", "onsager", "epochs")
    assert ours <= 1e-4
    assert ours <= 0.5 * typical("pendulum", "plain", "epochs")


def test_what_the_formula_buys_it_buys_without_the_law():
    for system in KINDS:
        for mode, most in (("epochs", 1.2), ("lm", 0.4)):
            ours = typical(system, "onsager", mode)
            assert 0 < typical(system, "product", mode) < most * ours


@pytest.mark.parametrize("draw", [6000, 6001])
def test_the_order_of_the_kinds_does_not_depend_on_the_draw(draw):
    product, ours, plain = (
        errors_of_seeds("pendulum", kind, "lm", draw)[1]
        for kind in ("product", "onsager", "plain")
    )
    assert product < 0.2 * ours and 0.2 * plain < ours < 0.6 * plain


def test_its_potential_is_the_energy_after_alignment():
    for mode in ("epochs", "lm"):
        found = [row["potential_error"] for row in rows("pendulum", "onsager", mode)]
        assert 0 < sorted(found)[1] < 0.1


def test_a_potential_that_is_not_the_energy_can_be_one_all_the_same():
    system = PROBLEMS["pendulum"].system
    grid = square_grid()
    near = grid.norm(dim=-1) <= 0.2
    for seed, row in enumerate(rows("pendulum", "onsager", "lm")):
        field = load_field("pendulum", "onsager", "lm", seed)
        values, energy = field.potential(grid), system.energy(grid)
        assert potential_error(values[near], energy[near])[0] < 0.02
        grows = (field.slope(grid) * system(0.0, grid)).sum(-1) > 0
        assert grows.double().mean() < 0.06
        if row["potential_error"] > 0.1:  # the data cannot tell it from the energy
            assert grows.double().mean() < 0.01 and row["mse"] < 1e-5


def test_onsagernet_learns_the_attractor_of_lorenz():
    for mode in ("epochs", "lm"):
        ours = typical("lorenz", "onsager", mode)
        assert 0 < ours <= 0.1 * typical("lorenz", "plain", mode)
        assert max(row["mse"] for row in rows("lorenz", "onsager", mode)) <= 1
    truth = scaled(Lorenz63(), 10.0)
    h0 = lorenz_states(20, torch.Generator().manual_seed(5))
    exact = lyapunov_exponent(truth, h0, n_steps=4000, dt=0.025).mean().item()
    assert exact == pytest.approx(0.906, abs=0.02)
    field = load_field("lorenz", "onsager", "lm")
    ours = lyapunov_exponent(field, h0, n_steps=4000, dt=0.025).mean().item()
    assert ours == pytest.approx(exact, abs=0.05)
    for seed in range(3):
        field = load_field("lorenz", "onsager", "lm", seed)
        wings, origin = fixed_point_errors(field)
        assert 0 < wings <= 0.02 and 0 < origin <= 0.1  # in the units of Lorenz


# ---- how it was got


@pytest.mark.parametrize("system", KINDS)
def test_everybody_had_the_same_trials_seeds_and_about_the_same_size(system):
    sizes = []
    for kind in KINDS[system]:
        trials = rows(system, kind, "epochs", "trial")
        assert sorted(row["rate"] for row in trials) == sorted(RATES)
        assert {row["seed"] for row in trials}.isdisjoint({0, 1, 2})
        best = min(trials, key=lambda row: row["validation"])["rate"]
        found = rows(system, kind, "epochs")
        assert {row["seed"] for row in found} == {0, 1, 2}
        assert shipped_seeds(system, kind, "epochs") == [row["seed"] for row in found]
        assert {row["rate"] for row in found} == {best}
        sizes.append(found[0]["parameters"])
        assert sizes[-1] == sum(p.numel() for p in build(system, kind).parameters())
    assert max(sizes) < 1.2 * min(sizes)
    steps = {row["steps"] for k in KINDS[system] for row in rows(system, k, "epochs")}
    assert len(steps) == 1


@pytest.mark.parametrize("system", KINDS)
def test_levenberg_marquardt_gave_everybody_the_same_seconds(system):
    spent = [
        row["cpu_seconds"] for kind in KINDS[system] for row in rows(system, kind, "lm")
    ]
    assert len(spent) == 3 * len(KINDS[system]) and max(spent) < 1.2 * min(spent)


@pytest.mark.parametrize(
    ("system", "kind", "mode"),
    [
        (system, kind, mode)
        for system, kinds in KINDS.items()
        for kind in kinds
        for mode in ("epochs", "lm")
    ],
)
def test_the_records_are_those_of_the_shipped_fields(system, kind, mode):
    for row in rows(system, kind, mode):
        field = load_field(system, kind, mode, row["seed"])
        assert unseen_error(system, field, 999) == pytest.approx(row["mse"], rel=1e-3)
        validation = unseen_error(system, field, 998, VALIDATION)
        assert validation == pytest.approx(row["validation"], rel=1e-3)


def test_the_shipped_potential_errors_are_recorded():
    for mode in ("epochs", "lm"):
        for row in rows("pendulum", "onsager", mode):
            field = load_field("pendulum", "onsager", mode, row["seed"])
            for key, value in score_pendulum(field).items():
                assert value == pytest.approx(row[key], rel=1e-3)


def test_no_trial_saw_the_test_set():
    trials = [row for row in RECORDS if row["role"] == "trial"]
    assert trials and not any("mse" in row for row in trials)


def test_scoring_again_puts_an_altered_record_right():
    (row,) = (r for r in rows("pendulum", "plain", "lm") if r["seed"] == 1)
    altered = row | {"mse": 5 * row["mse"]}
    score_again([altered])
    assert altered["mse"] == pytest.approx(row["mse"], rel=1e-3)
    assert altered | {"mse": row["mse"]} == row


def test_a_missing_field_is_named():
    with pytest.raises(KeyError, match="has no onsager/sgd/0"):
        load_field("pendulum", "onsager", "sgd")


# ---- the pieces


def test_pairs_lie_one_spacing_apart_on_a_trajectory():
    h, later = pairs("lorenz", 3, torch.Generator().manual_seed(0))
    assert h.shape == later.shape == (3, 100, 3)
    system = scaled(Lorenz63(), PROBLEMS["lorenz"].scale)
    step = rk4_step(system, 0.0, h, SPACING)
    torch.testing.assert_close(later, step, rtol=0, atol=1e-8)
    times = torch.linspace(0, 0.03, 301, dtype=torch.float64)
    along = integrate(system, h[:, 40], times)[:, -1]
    torch.testing.assert_close(along, h[:, 41], rtol=0, atol=1e-5)


def test_the_product_breaks_the_law_that_onsagernet_keeps():
    torch.manual_seed(0)
    field = ProductField(2, width=6).double()
    for parameter in field.parameters():
        nn.init.normal_(parameter)
    h = torch.randn(50, 2).double()
    features = field.trunk(h)[0]
    matrix = field.matrix(features).unflatten(-1, (2, 2))
    vector = field.end(features) + field.shortcut(h)
    expected = (matrix @ vector[..., None])[..., 0]
    torch.testing.assert_close(field(0.0, h), expected)
    assert ((vector * field(0.0, h)).sum(-1) > 0).any()


def test_a_linear_system_has_its_known_exponent():
    rates = torch.tensor([0.3, -1.0]).double()
    h0 = torch.ones(2, 3, 2).double()
    found = lyapunov_exponent(lambda t, h: rates * h, h0, n_steps=400, dt=0.05)
    assert found.shape == (2, 3)
    torch.testing.assert_close(
        found, torch.full((2, 3), 0.3).double(), atol=1e-4, rtol=0
    )


def test_the_first_tenth_only_turns_the_distance():
    shear = torch.tensor([[0.3, 5.0], [0.0, 0.0]]).double()  # not normal
    rest = torch.zeros(2).double()
    found = lyapunov_exponent(lambda t, h: h @ shear, rest, n_steps=400, dt=0.5)
    # From the start on, the growth of the second component would add log(17) / 200.
    assert found.item() == pytest.approx(0.3, abs=1e-3)


def test_the_valid_time_ends_at_the_first_large_error():
    times = torch.linspace(0, 1, 11).double()
    truth = torch.sin(7 * times)[None, :, None].expand(2, -1, 1).clone()
    spread = (truth - truth.mean()).square().mean().sqrt()
    predicted = truth.clone()
    predicted[0, 4] += 0.41 * spread
    predicted[0, 2] += 0.39 * spread
    torch.testing.assert_close(
        valid_time(predicted, truth, times), torch.tensor([0.4, 1.0]).double()
    )
    assert valid_time(predicted * torch.nan, truth, times)[1] == 0


def test_newton_finds_the_fixed_points_of_lorenz():
    for point in lorenz_fixed_points():
        assert Lorenz63()(0.0, point).norm() < 1e-12
        assert (fixed_point(Lorenz63(), point + 0.3) - point).norm() < 1e-10


def test_distributions_and_potentials_are_compared_as_they_should():
    a = torch.arange(100.0)
    assert distance_of_distributions(a, a + 30) == pytest.approx(0.3)
    assert distance_of_distributions(a, a) == 0
    v = torch.rand(50, generator=torch.Generator().manual_seed(0)).double()
    error, factor = potential_error(v / 3 + 7, v)
    assert error < 1e-12 and factor == pytest.approx(3)
    assert potential_error(1 - v, v)[0] > 0.5


def test_errors_of_fixed_points_are_in_the_units_of_lorenz():
    exact = scaled(Lorenz63(), 10.0)
    assert max(fixed_point_errors(exact)) < 1e-9
    wings, origin = fixed_point_errors(lambda t, h: exact(t, h - 0.1))
    assert origin == pytest.approx(3**0.5, abs=1e-6)
    assert wings == pytest.approx(3**0.5 / lorenz_fixed_points()[1].norm().item())


def test_errors_of_seeds_are_in_order():
    low, middle, high = errors_of_seeds("pendulum", "plain", "lm")
    assert 0 < low < middle < high
    assert middle == pytest.approx(typical("pendulum", "plain", "lm"), rel=1e-3)


def test_seeds_side_by_side_are_the_seeds_one_by_one():
    fields = [build("lorenz", "onsager") for _ in range(2)]
    h = torch.randn(2, 5, 3).double()
    expected = torch.stack([field(0.0, x) for field, x in zip(fields, h, strict=True)])
    torch.testing.assert_close(side_by_side(fields)(0.0, h), expected)


def test_training_now_makes_the_error_small():
    job = ("pendulum", "onsager", "epochs", (0.02, 150), 5)
    ((field, record),) = train_networks([job])
    assert record["validation"] == unseen_error("pendulum", field, 998, VALIDATION)
    assert 1e-6 < record["mse"] < 0.2 and record["steps"] == 150  # untrained: 0.6
    ((_, record),) = train_networks([("pendulum", "plain", "lm", (0.0, 0.5), 5)])
    assert 1e-7 < record["mse"] < 0.05


def test_seeds_trained_in_step_are_those_trained_alone():
    jobs = [("pendulum", "onsager", "epochs", (0.02, 20), seed) for seed in (3, 4)]
    together, alone = train_networks(jobs), [train_networks([job])[0] for job in jobs]
    assert groups([*jobs, ("pendulum", "plain", "lm", (0.0, 1.0), 3)])[0] == tuple(jobs)
    for (field, record), (single, expected) in zip(together, alone, strict=True):
        assert record["mse"] == pytest.approx(expected["mse"], rel=1e-6)
        for name, value in field.state_dict().items():
            torch.testing.assert_close(single.state_dict()[name], value)
    assert together[0][1]["mse"] != together[1][1]["mse"]
