"""The shipped trial flows are what their records say, and reach their targets."""

import pytest
import torch

from reproductions.solvers.problems import PROBLEMS, errors
from reproductions.solvers.training import load_flow, read_records

FLOWS = read_records("solvers_flows")
TARGETS = {"oscillator": 1e-5, "henon_heiles": 1e-3}


@pytest.mark.parametrize("record", FLOWS, ids=lambda r: f"{r['system']}-{r['seed']}")
def test_a_shipped_flow_scores_as_recorded(record):
    flow = load_flow(record["system"], record["seed"])
    found = errors(PROBLEMS[record["system"]], flow)
    assert found.median().item() == pytest.approx(record["median_error"], rel=1e-6)
    assert record["median_error"] <= TARGETS.get(record["system"], 1e-2)


def test_three_seeds_are_there():
    for system in TARGETS:
        assert {r["seed"] for r in FLOWS if r["system"] == system} == {0, 1, 2}


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
