"""The shipped trial flows are what their records say, and reach their targets."""

import pytest
import torch

from lecture_utils.pinn import WithVelocity
from reproductions.solvers.comparisons import SMALL, _with_worst, collocation_job
from reproductions.solvers.problems import (
    PROBLEMS,
    blank_flow,
    errors,
    misses,
    random_points,
)
from reproductions.solvers.training import load_flow, provenance, read_records

FLOWS = read_records("solvers_flows")
TARGETS = {"oscillator": 1e-5, "henon_heiles": 1e-3}


@pytest.mark.parametrize("record", FLOWS, ids=lambda r: f"{r['system']}-{r['seed']}")
def test_a_shipped_flow_scores_as_recorded(record):
    flow = load_flow(record["system"], record["seed"])
    found = errors(PROBLEMS[record["system"]], flow)
    assert found.median().item() == pytest.approx(record["median_error"], rel=1e-4)
    assert found.max().item() == pytest.approx(record["largest_error"], rel=1e-4)
    assert record["median_error"] <= TARGETS.get(record["system"], 1e-2)


def test_three_seeds_are_there():
    for system in PROBLEMS:
        assert {r["seed"] for r in FLOWS if r["system"] == system} == {0, 1, 2}


def test_seeds_of_a_system_had_the_same_training():
    for system in PROBLEMS:
        rows = [r for r in FLOWS if r["system"] == system]
        assert len({(r["parameters"], r["steps"]) for r in rows}) == 1


@pytest.mark.parametrize("name", ["flows", "optimisers", "collocation"])
def test_every_record_says_where_and_when(name):
    for record in read_records(f"solvers_{name}"):
        assert {"python", "torch", "machine", "date"} <= set(record)
    assert set(provenance()) == {"python", "torch", "machine", "date"}


def test_adaptive_points_lie_where_the_residual_is_large():
    pair = WithVelocity(blank_flow(SMALL, 0))
    generator = torch.Generator().manual_seed(0)
    none = torch.empty(0, dtype=torch.float64), torch.empty(0, 3, dtype=torch.float64)
    chosen = _with_worst(pair, none, 200, generator)
    others = random_points(SMALL, 4000, generator=generator)
    with torch.no_grad():
        sizes = [
            misses(SMALL)(pair, *points).square().sum(-1) for points in (chosen, others)
        ]
    assert len(chosen[0]) == 200
    assert sizes[0].median() > 3 * sizes[1].median()


def test_a_shipped_flow_meets_its_start():
    x = torch.rand(300, 2, dtype=torch.float64)
    assert torch.equal(load_flow("oscillator")(0.0, x), x)


def test_levenberg_marquardt_wins_at_equal_seconds():
    rows = [r for r in read_records("solvers_optimisers") if r["budget"] == 8.0]
    best = {
        m: max(r["median_error"] for r in rows if r["method"] == m)
        for m in {r["method"] for r in rows}
    }
    assert best["Levenberg-Marquardt"] < 0.1 * best["L-BFGS"] < 0.1 * best["Adam"]


COLLOCATION = read_records("solvers_collocation")


@pytest.mark.parametrize(
    "record",
    [r for r in COLLOCATION if r["points"] == 300 or r["seed"] == 0],
    ids=lambda r: f"{r['kind']}-{r['points']}-{r['seed']}",
)
def test_points_lead_to_what_is_recorded(record):
    found = collocation_job(record["kind"], record["points"], record["seed"])
    for key, most in (("median_error", 3), ("largest_error", 4.5)):
        # Training magnifies rounding, most of all with few and chosen points.
        assert 1 / most < found[key] / record[key] < most


def test_records_of_a_comparison_are_of_one_kind():
    rows = read_records("solvers_optimisers")
    for method, budget in {(r["method"], r["budget"]) for r in rows}:
        found = [r for r in rows if (r["method"], r["budget"]) == (method, budget)]
        assert [r["seed"] for r in found] == [0, 1, 2]
        errors = [r["median_error"] for r in found]
        assert max(errors) < 5 * min(errors)
        assert all(0.6 < r["cpu_seconds"] / budget < 1.5 for r in found)
