"""The shipped flows are what the recorded scores say, and symmetry is worth it."""

from functools import partial
from statistics import median

import pytest
import torch

from lecture_utils.hamiltonian import hamiltonian_field, symplecticity_defect
from lecture_utils.systems import DampedOscillator, HenonHeiles
from reproductions.sympflow.networks import PlainFlow, Residual
from reproductions.sympflow.problems import (
    SYSTEMS,
    DoubledOscillator,
    judged_states,
    section_states,
    well_states,
)
from reproductions.sympflow.scoring import drift, energy_errors, read_records, score
from reproductions.sympflow.training import load_network, samples, train_network

RECORDS = read_records()
SCORED = ["oscillator", "henon_heiles"]


def rows(system, competitor, role="score"):
    wanted = (system, competitor, role)
    return [r for r in RECORDS if (r["system"], r["competitor"], r["role"]) == wanted]


def typical(system, competitor, key):
    return median(row[key] for row in rows(system, competitor))


@pytest.mark.parametrize(
    ("system", "target"), [("oscillator", 3e-3), ("henon_heiles", 1e-2)]
)
def test_the_symplectic_network_keeps_its_energy(system, target):
    ours = typical(system, "symplectic-lm", "energy")
    assert 0 < ours <= target
    assert ours <= typical(system, "plain-adam", "energy") / 20
    for row in rows(system, "symplectic-lm"):
        assert (
            abs(row["drift"]) < 1e-5 and abs(row["drift"]) * 900 < 0.2 * row["energy"]
        )
        assert row["defect"] <= 1e-12


@pytest.mark.parametrize("system", SCORED)
def test_the_plain_network_is_not_symplectic(system):
    assert typical(system, "plain-adam", "defect") > 1e-3
    assert typical(system, "plain-adam", "drift") > 3e-5


def test_a_very_accurate_plain_network_nearly_keeps_up():
    assert 1e-4 < typical("oscillator", "plain-lm-long", "energy") < 5e-3
    assert 1e-6 < typical("oscillator", "plain-lm-long", "defect") < 2e-4
    assert typical("oscillator", "plain-lm-long", "drift") > 1e-6


@pytest.mark.parametrize("system", SCORED)
def test_every_competitor_had_three_trials_three_seeds_and_equal_seconds(system):
    competitors = {r["competitor"] for r in RECORDS if r["system"] == system}
    spent = []
    for competitor in competitors - {"plain-lm-long"}:
        assert len(rows(system, competitor, "trial")) == 3
        found = rows(system, competitor)
        assert {row["seed"] for row in found} == {0, 1, 2}
        spent.append(median(row["cpu_seconds"] for row in found))
    assert max(spent) < 1.3 * min(spent)


ROWS = [row for row in RECORDS if row["role"] == "score" and "energy" in row]


@pytest.mark.parametrize(
    "row", ROWS, ids=lambda r: f"{r['system']}-{r['competitor']}-{r['seed']}"
)
def test_the_recorded_scores_are_those_of_the_shipped_networks(row):
    flow = load_network(row["system"], row["competitor"], row["seed"])
    found = score(row["system"], flow)
    assert set(found) <= set(row)
    assert found["one_step"] == pytest.approx(row["one_step"], rel=1e-3)
    for key in ("energy", "energy_worst"):
        assert found[key] == pytest.approx(row[key], rel=0.3)
    noise = 1e-2 * row["energy"] / 900  # of the slope of a curve without trend
    assert found["drift"] == pytest.approx(row["drift"], rel=0.3, abs=noise)
    assert found["defect"] == pytest.approx(row["defect"], rel=0.3, abs=1e-12)


@pytest.mark.parametrize("system", ["oscillator", "henon_heiles", "damped"])
def test_a_shipped_network_is_the_flow_of_its_hamiltonian(system):
    flow = load_network(system, "symplectic-lm")
    t, x = samples(system, 100, seed=5)
    later, velocity = flow.with_velocity(t, x)
    gap = (velocity - hamiltonian_field(flow.hamiltonian)(t, later)).abs().max()
    assert gap < 1e-5 < 0.1 < velocity.abs().max()


def test_the_damped_oscillator_is_learned_in_doubled_variables():
    truth = DampedOscillator(damping=0.1)
    for seed in range(3):
        flow, z = load_network("damped", "symplectic-lm", seed), torch.zeros(4).double()
        z[0] = 1
        for k in range(1, 31):
            z = flow(1.0, z)
            exact = truth.flow(float(k), torch.tensor([1.0, 0.0]).double())
            assert (z[[0, 3]] - exact).norm() < 0.03
        assert exact.norm() < 0.3


def test_the_doubled_oscillator_is_hamiltonian_and_holds_the_damped_one():
    doubled, x = DoubledOscillator(0.3), torch.randn(5, 4).double()
    field = hamiltonian_field(lambda t, x: doubled.energy(x))
    torch.testing.assert_close(field(0.0, x), doubled(0.0, x))
    half = DampedOscillator(damping=0.3)(0.0, x[:, [0, 3]])
    torch.testing.assert_close(doubled(0.0, x)[:, [0, 3]], half)


def test_states_are_where_they_should_be():
    generator = torch.Generator().manual_seed(0)
    galaxy = HenonHeiles()
    well = well_states(0.13, 500, generator)
    assert well.shape == (500, 4) and 0.1 < galaxy.energy(well).max() <= 0.13
    crossing = section_states(0.1, 40, generator)
    torch.testing.assert_close(galaxy.energy(crossing), torch.full((40,), 0.1).double())
    assert (crossing[:, 0] == 0).all() and (crossing[:, 2] > 0).all()
    for system in SCORED:
        x = judged_states(system, generator)
        assert len(x) == 50 and SYSTEMS[system].energy(x).min() > 0.1 - 1e-12


def test_the_plain_flow_knows_its_velocity_and_its_start():
    torch.manual_seed(0)
    flow = PlainFlow(4, width=9).double()
    t, x = samples("henon_heiles", 20, seed=1)
    later, velocity = flow.with_velocity(t, x)
    slope = torch.func.vmap(torch.func.jacrev(flow))(t, x)
    torch.testing.assert_close(velocity, slope)
    assert torch.equal(flow(0.0, x), x) and torch.equal(flow(t, x), later)
    assert symplecticity_defect(partial(flow, 1.0), x).min() > 1e-3


def test_matching_adds_the_error_of_the_hamiltonian():
    flow, system = load_network("oscillator", "symplectic-lm"), SYSTEMS["oscillator"]
    t, x = samples("oscillator", 10, seed=2)
    plain, matched = Residual(flow, system)(t, x), Residual(flow, system, 4.0)(t, x)
    torch.testing.assert_close(matched[:, :2], plain)
    later = flow(t, x)
    gap = flow.hamiltonian(t, later) - system.energy(later)
    torch.testing.assert_close(matched[:, 2], 2 * gap)


def test_drift_and_energy_errors_of_a_leaky_flow():
    times = torch.arange(1.0, 1001.0)
    assert drift(1e-3 * times.repeat(3, 1).double()) == pytest.approx(1e-3)
    errors = energy_errors(
        lambda t, x: 0.5 * x, SYSTEMS["oscillator"], torch.ones(2, 2).double(), 3
    )
    torch.testing.assert_close(
        errors[0], torch.tensor([0.75, 0.9375, 0.984375]).double()
    )


@pytest.mark.parametrize("rate", [None, 1e-2])
def test_training_now_makes_the_residual_small(rate):
    competitor = "symplectic-lm" if rate is None else "symplectic-adam"
    setting = ((3, 6), rate, 0.0)
    flow, record = train_network("oscillator", competitor, setting, 0, 1.0)
    assert 1e-7 < record["residual"] < (0.02 if rate is None else 0.3)
    assert record["steps"] >= 10 and sum(p.numel() for p in flow.parameters()) == 72
