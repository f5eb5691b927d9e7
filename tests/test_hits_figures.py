"""The data behind the figures are those of the tables."""

import pytest
import torch

from reproductions.hits import figures
from reproductions.hits.problems import PROBLEMS
from reproductions.hits.scoring import read_records

RECORDS = read_records(table="hits_figures")


def curve(figure, system, scheme):
    (record,) = [
        r
        for r in RECORDS
        if (r["figure"], r["system"], r.get("scheme")) == (figure, system, scheme)
    ]
    return record


@pytest.mark.parametrize("system", PROBLEMS)
def test_the_curve_of_the_hierarchy_has_the_mean_of_the_table(system):
    (row,) = [
        r
        for r in read_records()
        if (r["system"], r["scheme"], r["interpolant"], r["seed"])
        == (system, "multiscale", "spline", 0)
    ]
    errors = curve("5", system, "multiscale")["errors"]
    assert len(errors) == 129 and errors[0] == 0
    ratio = sum(errors[1:]) / 128 / row["mse"]
    # Every 40th state is a computed one; the table has the interpolated ones as well.
    assert 0.15 < ratio < 1.2


@pytest.mark.parametrize("system", PROBLEMS)
def test_every_curve_covers_the_horizon(system):
    schemes = {r["scheme"] for r in RECORDS if r["system"] == system and "errors" in r}
    singles = {f"NNTS {k}" for k in range(11)} | {"multiscale"}
    assert singles | {f"RK {k}" for k in range(5)} <= schemes
    for record in RECORDS:
        if record["system"] == system and "errors" in record:
            end = record["spacing"] * (len(record["errors"]) - 1)
            assert end == pytest.approx(5120 * PROBLEMS[system].dt)


def test_a_forecast_that_diverges_leaves_gaps_and_no_exception():
    def forecast():
        raise FloatingPointError

    true = torch.zeros(3, 81, 2)
    assert figures._errors_of(forecast, true, 40) == [None] * 3
    far = true.clone()
    far[:, 40] = torch.inf
    assert figures._errors_of(lambda: far, true, 40) == [0.0, None, 0.0]


def test_increments_are_those_of_the_exact_flow():
    record = figures.figure10("hyperbolic")
    states = torch.tensor(record["states"], dtype=torch.float64)
    increments = torch.tensor(record["increments"], dtype=torch.float64)
    assert increments.shape == (81, 2, 7) and record["times"][0] == pytest.approx(0.16)
    flow = PROBLEMS["hyperbolic"].field.flow
    for i, time in enumerate(record["times"]):
        exact = flow(time, states) - states
        torch.testing.assert_close(increments[..., i], exact, rtol=0, atol=1e-6)
