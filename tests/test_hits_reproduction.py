"""The shipped networks are what the recorded scores say they are."""

import json

import pytest
import torch

from lecture_utils.hits import HierarchicalStepper
from reproductions.hits import load_stepper, protocols, timing
from reproductions.hits.problems import LEVELS, N_STEPS, PROBLEMS, initial_states
from reproductions.hits.scoring import (
    INTERPOLANTS,
    PAPER,
    data,
    mean_squared_error,
    read_records,
)
from reproductions.hits.timing import hybrid, networks_on_top, runge_kutta
from reproductions.hits.training import load_flows, train_network

RECORDS = read_records()
TO_REACH = {  # mean squared errors of the multiscale forecasts
    "hyperbolic": 1e-11,
    "cubic": 2e-6,
    "van_der_pol": 1e-6,
    "hopf": 5e-7,
    "lorenz": 1e-5,
}
# Rows that miss 1.05 times the larger of paper and floor, and by how much they do: the
# longest steps of the cubic oscillator, whose flow map winds up like a spring, and one
# seed of three for Van der Pol.
MISSED = {("cubic", 9): 1.2, ("cubic", 10): 1.45, ("van_der_pol", 8): 1.1}
SEEDS = sorted({r["seed"] for r in RECORDS if r["seed"] is not None})


def rows(system, scheme, interpolant="spline"):
    return {
        r["seed"]: r
        for r in RECORDS
        if (r["system"], r["scheme"], r["interpolant"]) == (system, scheme, interpolant)
    }


@pytest.mark.parametrize("system", TO_REACH)
def test_every_row_of_the_table_is_there(system):
    schemes = ["multiscale", *(f"NNTS {k}" for k in range(11))]
    for interpolant in ("spline", "linear"):
        for scheme in schemes:
            assert set(rows(system, scheme, interpolant)) == set(SEEDS)
            record = rows(system, scheme, interpolant)[0]
            assert record["paper"] > 0 and record["protocol"] == "accurate"
            assert record["noise"] == 0 and record["cpu_seconds"] > 0
        for k in range(11):
            assert set(rows(system, f"floor {k}", interpolant)) == {None}


@pytest.mark.parametrize("system", TO_REACH)
def test_the_hierarchy_reaches_its_target(system):
    for record in rows(system, "multiscale").values():
        assert record["mse"] <= TO_REACH[system]


@pytest.mark.parametrize("system", TO_REACH)
def test_single_networks_beat_the_paper_or_reach_the_floor(system):
    for interpolant in ("spline", "linear"):
        for k in range(11):
            floor = rows(system, f"floor {k}", interpolant)[None]["mse"]
            for record in rows(system, f"NNTS {k}", interpolant).values():
                allowed = MISSED.get((system, k), 1.05)
                limit = allowed * max(record["paper"], floor)
                assert record["mse"] is not None and record["mse"] <= limit, record


def assert_recorded(record, mse):
    """Within a factor of 3: some rows are rounding, which differs between machines."""
    assert 1 / 3 < mse / record["mse"] < 3, record


def scored(system, seed, levels, key="accurate"):
    """Mean squared error of shipped networks on all of the test data, by interpolant.

    The states at the finest level are computed once for both.
    """
    flows, true = load_flows(system, seed, key)[0], data(system, "test", key)
    finest = min(levels)
    chosen = {substeps // finest: flows[substeps] for substeps in levels}
    stepper = HierarchicalStepper(chosen, finest * PROBLEMS[system].dt)
    states = stepper(true[:, 0], N_STEPS // finest)
    return {
        how: mean_squared_error(between(states, finest) if finest > 1 else states, true)
        for how, between in INTERPOLANTS.items()
    }


@pytest.mark.parametrize("system", TO_REACH)
def test_the_hierarchies_score_what_is_recorded(system):
    for seed, record in rows(system, "multiscale").items():
        found = scored(system, seed, record["levels"])
        for how, mse in found.items():
            assert_recorded(rows(system, "multiscale", how)[seed], mse)


@pytest.mark.parametrize("system", TO_REACH)
def test_single_networks_score_what_is_recorded(system):
    # Long forecasts by short steps are slow: of these, one seed for each level.
    for k in range(2, 11):
        for seed in SEEDS if k >= 5 else [k % 3]:
            for how, mse in scored(system, seed, [2**k]).items():
                assert_recorded(rows(system, f"NNTS {k}", how)[seed], mse)


@pytest.mark.parametrize("key", ["noise1", "noise2"])
@pytest.mark.parametrize("system", TO_REACH)
def test_networks_trained_on_noise_score_what_is_recorded(system, key, monkeypatch):
    clean = data(system, "test", "accurate")  # once for all protocols
    monkeypatch.setattr(protocols, "trajectories", lambda *_: clean)
    (record,) = (
        r
        for r in read_records(key)
        if (r["system"], r["scheme"], r["scored_against"], r["interpolant"])
        == (system, "multiscale", "data", "spline")
    )
    assert_recorded(record, scored(system, 0, record["levels"], key)["spline"])


@pytest.mark.parametrize("system", TO_REACH)
def test_hybrids_score_what_is_recorded(system):
    table = [r for r in read_records(table="hits_table9") if r["system"] == system]
    true, networks = data(system, "test", "accurate"), networks_on_top(system)
    for record in table:
        substeps = round(record["step"] / PROBLEMS[system].dt)
        if record["top"] is None:
            states = runge_kutta(system, substeps)(true[:, 0].float())
        else:
            network = networks[record["top"]]
            stepper = hybrid(system, network, record["top"], substeps)
            states = stepper(true[:, 0].float(), N_STEPS // substeps)
        mse = mean_squared_error(states.double(), true[:, ::substeps])
        assert_recorded(record, mse)


def test_what_the_records_call_the_papers_is_the_papers():
    paper = json.loads(PAPER.read_text())
    for number, keys in ((6, ("accurate", "paper")), (7, ["noise1"]), (8, ["noise2"])):
        for record in (r for key in keys for r in read_records(key)):
            if record["paper"] is not None:
                table = paper[f"table {number}"]
                assert record["paper"] == table[record["scheme"]][record["system"]]
    for number in (5, 9):
        for record in read_records(table=f"hits_table{number}"):
            if (seconds := record["paper_seconds"]) is not None:
                row = paper[f"table {number}"][record["scheme"]]
                assert seconds == row[record["system"]]


def test_the_first_state_is_no_part_of_the_error():
    states, true = torch.zeros(1, 4, 1), torch.zeros(1, 4, 1)
    states[0, :, 0] = torch.tensor([9.0, 1.0, 2.0, 3.0])
    assert mean_squared_error(states, true) == pytest.approx(14 / 3)


def test_the_stepper_is_the_selected_one():
    stepper = load_stepper("van_der_pol")
    assert list(stepper.levels) == rows("van_der_pol", "multiscale")[0]["levels"]
    assert stepper.interpolation == "spline" and stepper.dt == 0.01
    assert stepper(torch.zeros(3, 2).double(), 100).shape == (3, 101, 2)
    with pytest.raises(ValueError, match="pendulum"):
        load_stepper("pendulum")


def test_a_network_trained_now_is_of_the_shipped_quality():
    # The smallest level of the easiest system, with the steps it was given.
    problem = PROBLEMS["hyperbolic"]
    x = initial_states(problem, "train", 0)[:1000]
    pairs = torch.stack([x, problem.field.flow(0.04, x)], dim=1)
    _, history = train_network(problem, pairs, seed=0)
    assert history[-1] < 1e-8 < 1e-2 < history[0]


def test_shipped_flows_cover_all_levels():
    flows, training = load_flows("hopf")
    assert tuple(flows) == LEVELS and set(training) == {str(k) for k in LEVELS}
    x = torch.rand(4, 3, dtype=torch.float64)
    assert torch.equal(flows[8](x)[:, 0], x[:, 0])  # the parameter never changes


def test_lorenz_states_are_spread_over_the_attractor():
    # After too short a warm-up all states sit on one thread around one wing.
    states = initial_states(PROBLEMS["lorenz"], "test", 0)
    assert 7.5 < states[:, 2].std() < 9.5  # 8.6 on the attractor
    assert 0.4 < (states[:, 0] > 0).double().mean() < 0.6
    nearest = torch.cdist(states, states).fill_diagonal_(torch.inf).amin(dim=1)
    assert nearest.median() > 0.2


def test_networks_of_the_papers_protocol_are_recorded_row_by_row():
    records = [r for r in read_records("paper") if r["seed"] is not None]
    for system in TO_REACH:
        mine = {r["scheme"]: r for r in records if r["system"] == system}
        assert set(mine) == {"multiscale", *(f"NNTS {k}" for k in range(11))}
        assert {r["interpolant"] for r in mine.values()} == {"linear"}
    # Trained on the solver's data, they learn its error: the exact flow scores more.
    of_hopf = {
        r["scheme"]: r["mse"] for r in read_records("paper") if r["system"] == "hopf"
    }
    assert 1e-5 < of_hopf["multiscale"] < 0.2 * of_hopf["floor 0"]
    flows, _ = load_flows("hopf", key="paper")
    assert tuple(flows) == LEVELS


def test_a_step_on_top_may_double_the_error_and_no_more(monkeypatch):
    problem = PROBLEMS["hyperbolic"]
    x0 = initial_states(problem, "validation", 0)[:8]
    times = problem.dt * torch.arange(N_STEPS + 1, dtype=torch.float64)
    true = torch.stack([problem.field.flow(t, x0) for t in times], dim=1)
    monkeypatch.setattr(timing, "data", lambda *_: true)
    wanted, alone = true[:, ::16], runge_kutta("hyperbolic", 16)(x0.float())

    def flows(wrong):
        return {
            k: lambda x, k=k: problem.field.flow(k * problem.dt, x) + wrong
            for k in (512, 1024)
        } | {k: lambda x: x + 1 for k in LEVELS if k < 512}

    def ratio(wrong):
        states = hybrid("hyperbolic", flows(wrong)[1024], 1024, 16)(x0.float(), 320)
        error = mean_squared_error(states.double(), wanted)
        return error / mean_squared_error(alone.double(), wanted)

    five = 1e-3 * (5 / ratio(1e-3)) ** 0.5  # makes the error five times as large
    assert timing.own_top("hyperbolic", flows(five), 16) is None
    assert timing.own_top("hyperbolic", flows(five), 16, within=20) == 1024
    assert timing.own_top("hyperbolic", flows(0.1 * five), 16) in (512, 1024)
