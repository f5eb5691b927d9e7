"""The data of each protocol are what the tables say they are."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from lecture_utils.systems import HopfNormalForm
from reproductions.hits import protocols
from reproductions.hits.problems import LEVELS, PROBLEMS, trajectories
from reproductions.hits.protocols import (
    PROTOCOLS,
    by_default_solver,
    default_solution,
    first_five_steps,
    measured,
    noise,
    smoothed,
)


def small(name, n=40):
    sizes = {"train": n, "validation": n, "test": n}
    return replace(PROBLEMS[name], n_trajectories=sizes)


@pytest.fixture(scope="module")
def clean():
    return trajectories(small("van_der_pol"), "train")


def test_noise_has_the_standard_deviation_of_the_public_code(clean):
    generator = torch.Generator().manual_seed(0)
    scale = 0.02 * clean.numpy().std(axis=1).mean(axis=0)
    error = noise(clean, 0.02, generator).numpy()
    np.testing.assert_allclose(error.std(axis=(0, 1)), scale, rtol=0.01)
    np.testing.assert_allclose(error.mean(axis=(0, 1)), 0, atol=0.01 * scale.max())


def test_the_scale_of_the_noise_is_a_mean_over_trajectories():
    wave = torch.linspace(0, 60, 5121, dtype=torch.float64).sin()
    states = torch.stack([wave, 5 * wave])[:, :, None]
    error = noise(states, 0.01, torch.Generator().manual_seed(0))
    wanted = 0.01 * 3 * wave.std(correction=0)
    torch.testing.assert_close(error.std(), wanted, rtol=0.03, atol=0)


def test_a_parameter_that_never_changes_has_no_noise():
    hopf = small("hopf", 5)
    states = measured(hopf, "test", 0, "noise2")
    assert isinstance(hopf.field, HopfNormalForm)
    assert not states[..., 0].std(dim=1).any()


def test_noisy_data_are_noisy_from_the_first_state_on(clean):
    problem = small("van_der_pol")
    noisy = measured(problem, "train", 0, "noise1")
    error = (noisy - clean).std(dim=0)
    assert 0.5 < (error[0] / error.mean(dim=0)).min() < 2
    again = measured(problem, "train", 0, "noise1")
    assert torch.equal(noisy, again)
    other = measured(problem, "train", 0, "noise2")
    torch.testing.assert_close(other - clean, 2 * (noisy - clean))


def test_smoothing_takes_most_of_the_noise_away(clean):
    noisy = measured(small("van_der_pol"), "train", 0, "noise1")
    rest = (smoothed(noisy) - clean).square().mean(dim=(0, 1)).sqrt()
    before = (noisy - clean).square().mean(dim=(0, 1)).sqrt()
    assert (rest < 0.4 * before).all() and (rest > 0.02 * before).all()
    at_start = (smoothed(noisy) - clean)[:, :30].square().mean().sqrt()
    assert at_start < 0.7 * before.mean()


def test_smoothing_leaves_a_quartic_alone():
    t = torch.linspace(-50, 50, 5121, dtype=torch.float64)
    quartic = torch.stack([t**4 - t**3, 1 + 0 * t, t**2], dim=-1)[None].repeat(3, 1, 1)
    torch.testing.assert_close(smoothed(quartic), quartic, rtol=0, atol=1e-6)


def test_leaving_one_out_is_what_it_says():
    x = np.random.default_rng(0).normal(size=(1, 60))
    window, where = 11, 30
    sides = np.r_[where - 5 : where, where + 1 : where + 6]
    fit = np.polyfit(sides - where, x[0, sides], protocols.DEGREE)
    left_out = protocols._leave_one_out(x, window)[0, where]
    assert left_out == pytest.approx(fit[-1] - x[0, where], rel=1e-8)


def test_the_papers_truth_is_a_solver_with_default_tolerances():
    problem = small("van_der_pol", 3)
    states = by_default_solver(problem, "test")
    assert states.shape == (3, 5121, 2)
    accurate = trajectories(problem, "test")
    states = default_solution(problem.field, accurate[0, 0].numpy(), 51.2)
    error = states - accurate[0]
    assert 1e-3 < error.square().mean().sqrt() < 1


def test_the_papers_lorenz_trajectories_follow_one_another():
    states = by_default_solver(small("lorenz", 4), "train")
    assert torch.equal(states[1:, 0], states[:-1, -1])
    assert states[..., 2].mean() > 10  # away from the origin


def test_the_papers_pairs_are_the_first_five_steps():
    states = torch.arange(5121.0)[None, :, None].repeat(3, 1, 1)
    for substeps, pairs in first_five_steps(states, 1000, seed=0):
        x, x_next = pairs.unbind(1)
        assert torch.equal(x_next - x, torch.full_like(x, substeps))
        starts = set((x[:, 0] / substeps).tolist())
        assert starts == set(range(min(5, 5120 // substeps)))
    assert substeps == LEVELS[-1]


def test_every_protocol_says_where_its_scores_go():
    tables = {key: protocol.table for key, protocol in PROTOCOLS.items()}
    assert tables["noise1"] == "hits_table7" and tables["noise2"] == "hits_table8"
    assert tables["paper"] == tables["accurate"] == "hits_table6"
