import io
import math
import sys

import pytest
import torch
from torch import nn
from tqdm.auto import tqdm

from lecture_utils.training import fit


class Values(nn.Module):
    """Nothing but parameters: what a one-line model is made of."""

    def __init__(self, *start, dtype=torch.float64):
        super().__init__()
        self.value = nn.Parameter(torch.tensor(start, dtype=dtype))

    def forward(self):
        return self.value


@pytest.mark.parametrize("decay", [False, True])
def test_adam_finds_the_minimum_of_a_bowl(device, decay):
    model = Values(3.0, -2.0).to(device)
    history = fit(
        lambda: (model() - 1).square().sum(),
        model.parameters(),
        n_steps=400,
        learning_rate=0.1,
        decay=decay,
    )
    assert history.shape == (400,)
    assert history[0] == 13 and not history.requires_grad
    assert (model() - 1).abs().max() < 1e-3
    assert history.device.type == device.type


@pytest.mark.parametrize(("decay", "travelled"), [(False, 10.0), (True, 5.5)])
def test_decay_halves_the_distance_travelled_down_a_slope(decay, travelled):
    """On a slope Adam moves by its learning rate; 1 + cos averages to half of it."""
    model = Values(0.0)
    fit(model().sum, model.parameters(), n_steps=10, learning_rate=1.0, decay=decay)
    assert model().item() == pytest.approx(-travelled, rel=1e-6)


def test_frozen_parameters_stay():
    model = nn.ModuleList([Values(1.0), Values(1.0)])
    model[0].requires_grad_(False)
    fit(lambda: (model[0]() * model[1]()).sum(), model.parameters(), n_steps=3)
    assert model[0]() == 1 and model[1]() < 1


def test_a_diverging_fit_stops_at_the_last_finite_loss():
    model = Values(1.0)

    def cliff():
        """Falls towards 0.95, where it ends: the logarithm of a negative number."""
        return (model() - 0.95).log().sum()

    with pytest.raises(FloatingPointError, match="nan at step 3.*below 0.02"):
        fit(cliff, model.parameters(), n_steps=9, learning_rate=0.02)
    assert model().item() == pytest.approx(0.96, abs=1e-3)


def test_a_gradient_that_is_not_finite_leaves_the_parameters_alone():
    model = Values(0.0)
    with pytest.raises(FloatingPointError, match="gradient is not finite at step 0"):
        fit(lambda: model().sqrt().sum(), model.parameters(), n_steps=9)
    assert model() == 0


@pytest.mark.parametrize(
    ("loss", "problem"),
    [
        (lambda x: x, r"shape \(2,\).*\.mean"),
        (lambda x: x.sum().item(), "found float"),
        (lambda x: x.sum().detach(), "requires_grad=False"),
        (lambda x: Values(1.0)().sum(), "taken from another model"),
    ],
)
def test_a_loss_that_cannot_be_minimised_is_refused_before_any_step(loss, problem):
    model = Values(1.0, 2.0)
    with pytest.raises(ValueError, match=problem):
        fit(lambda: loss(model()), model.parameters(), n_steps=2)
    assert model().tolist() == [1, 2]


@pytest.mark.parametrize("n_steps", [0, -1, 1.0, True])
def test_a_number_of_steps_is_a_positive_whole_number(n_steps):
    model = Values(1.0)
    with pytest.raises(ValueError, match="n_steps must be a whole number"):
        fit(model().sum, model.parameters(), n_steps=n_steps)


@pytest.mark.parametrize("rate", [0.0, -1e-3, math.inf, math.nan])
def test_a_learning_rate_is_positive(rate):
    model = Values(1.0)
    with pytest.raises(ValueError, match="learning_rate must be positive"):
        fit(model().sum, model.parameters(), n_steps=1, learning_rate=rate)


@pytest.mark.parametrize(
    ("parameters", "hint"),
    [
        (Values(1.0), r"found one Values.*model\.parameters"),
        (torch.ones(2), r"\[x\]"),
        ([], "found 0"),
        ([torch.ones(2)], "found 0"),
        ([torch.ones(2, requires_grad=True) * 2], "result of a computation"),
    ],
)
def test_parameters_that_cannot_be_trained_are_refused(parameters, hint):
    with pytest.raises(ValueError, match=hint):
        fit(lambda: torch.ones(()), parameters, n_steps=1)


class Terminal(io.StringIO):
    def __init__(self, watched):
        super().__init__()
        self.watched = watched

    def isatty(self):
        return self.watched


@pytest.mark.parametrize(
    ("watched", "static", "progress", "shown"),
    [
        (True, "", None, True),
        (False, "", None, False),
        (True, "1", None, False),
        (True, "", False, False),
        (False, "", True, True),
    ],
)
def test_progress_is_shown_to_a_person_only(
    monkeypatch, watched, static, progress, shown
):
    terminal = Terminal(watched)
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("BOOK_STATIC", static)
    monkeypatch.setattr(tqdm, "monitor_interval", 0)  # no thread left behind
    model = Values(1.0)
    fit(model().sum, model.parameters(), n_steps=1, progress=progress)
    assert ("loss 1.00e+00" in terminal.getvalue()) == shown
