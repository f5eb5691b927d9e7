"""Scores of the noisy hierarchies on several draws of states and noise."""

import math
from statistics import median

import pytest
import torch

from lecture_utils.data import sample_box
from reproductions.hits import draws
from reproductions.hits.draws import DRAWS, measure_draws, noisy_draw, read_draws
from reproductions.hits.problems import PROBLEMS, drawn_states
from reproductions.hits.protocols import PROTOCOLS
from reproductions.hits.scoring import read_records

RECORDS = read_draws()
LEVELS_OF_NOISE = {PROTOCOLS[key].noise: key for key in ("noise1", "noise2")}


def of(system, noise):
    return [r for r in RECORDS if (r["system"], r["noise"]) == (system, noise)]


def in_the_table(system, noise, scheme):
    (record,) = (
        r
        for r in read_records(LEVELS_OF_NOISE[noise])
        if (r["system"], r["scheme"], r["interpolant"]) == (system, scheme, "spline")
        and r["scored_against"] == "data"
    )
    return record["mse"]


@pytest.mark.parametrize("system", PROBLEMS)
def test_more_noise_makes_larger_errors_and_draws_differ(system):
    for one, two in zip(of(system, 0.01), of(system, 0.02), strict=True):
        assert one["draw"] == two["draw"] and two["exact"] > one["exact"]
    assert len({r["exact"] for r in RECORDS}) == len(RECORDS)


@pytest.mark.parametrize("noise", LEVELS_OF_NOISE)
@pytest.mark.parametrize("system", PROBLEMS)
def test_the_table_is_one_draw_among_others(system, noise):
    found = of(system, noise)
    assert [r["draw"] for r in found] == list(range(DRAWS))
    assert all(0.7 < r["mse"] / r["exact"] < 1.3 for r in found)
    assert 0.9 < median(r["mse"] / r["exact"] for r in found) < 1.2
    for key, scheme in (("mse", "multiscale"), ("exact", "floor 0")):
        value = in_the_table(system, noise, scheme)
        assert all(abs(math.log(r[key] / value)) < math.log(2) for r in found)


def test_a_recorded_draw_is_what_the_shipped_networks_score():
    for record in noisy_draw("hyperbolic", 3):
        (wanted,) = (r for r in of("hyperbolic", record["noise"]) if r["draw"] == 3)
        for key in ("mse", "exact"):
            assert record[key] == pytest.approx(wanted[key], rel=1e-3)


def test_states_are_drawn_where_forecasts_are_tested():
    problem, seed = PROBLEMS["van_der_pol"], torch.Generator().manual_seed(4)
    x0 = drawn_states(problem, problem.test_region, 50, seed)
    seed.manual_seed(4)
    assert torch.equal(x0, sample_box(problem.test_region, 50, generator=seed))
    assert x0[:, 1].abs().max() <= 2


def test_only_missing_draws_are_measured(monkeypatch, tmp_path):
    made = []

    def fake(name, draw):
        made.append((name, draw))
        yield {"system": name, "draw": draw}

    monkeypatch.setattr(draws, "RESULTS", tmp_path)
    monkeypatch.setattr(draws, "DRAWN", {"some_draws": fake})
    measure_draws(["hopf"], 2)
    measure_draws(["hopf", "cubic"], 3)
    wanted = [("hopf", 0), ("hopf", 1), ("hopf", 2)]
    assert made == wanted + [("cubic", k) for k in range(3)]
    assert len(read_draws("some_draws")) == 6


HYBRIDS = read_draws("hits_hybrid_draws")


@pytest.mark.parametrize("system", PROBLEMS)
def test_every_hybrid_of_the_table_is_drawn_again(system):
    table = {
        r["scheme"]: r
        for r in read_records(table="hits_table9")
        if r["system"] == system
    }
    most = 30 if system == "lorenz" else 5  # chaos magnifies rounding
    for scheme, row in table.items():
        pair = (system, scheme)
        found = [r for r in HYBRIDS if (r["system"], r["scheme"]) == pair]
        assert bool(found) == bool(row["top"]) and len(found) in (0, 3, DRAWS)
        for record in found:
            alone = table[f"RK {scheme[7]}"]
            assert 1 / most < record["mse"] / row["mse"] < most
            assert 1 / most < record["alone"] / alone["mse"] < most
