import math
from functools import partial

import pytest
import torch
from torch import nn

from lecture_utils.level_selection import select_levels, select_levels_by_cost
from lecture_utils.systems import HarmonicOscillator

DT = 0.05
OSCILLATOR = HarmonicOscillator()
X0 = torch.tensor([[1.0, 0.2], [0.4, -0.3]], dtype=torch.float64)
TRUTH = torch.stack([OSCILLATOR.flow(i * DT, X0) for i in range(65)], dim=-2)
REST = torch.zeros(1, 9, 1)  # nothing ever happens in eight steps


def biased_flows(biases):
    """Exact flow maps, each with a constant error."""
    return {
        s: lambda x, s=s, bias=bias: OSCILLATOR.flow(s * DT, x) + bias
        for s, bias in biases.items()
    }


# One and 16 substeps are bad; of the others the longer are the better, but without
# the shorter of them interpolation is worse still.
PLANTED = biased_flows({1: 0.1, 2: 1e-4, 4: 1e-5, 8: 1e-6, 16: 1.0})


class Shift(nn.Module):
    """Adds a constant; the size of ``ballast`` is its cost."""

    def __init__(self, by, n_parameters):
        super().__init__()
        self.by = by
        self.ballast = nn.Parameter(torch.zeros(n_parameters))

    def forward(self, x):
        return x + self.by


@pytest.mark.parametrize("select", [select_levels, select_levels_by_cost])
def test_the_planted_range_of_levels_is_found(select):
    selected, trials = select(PLANTED, DT, TRUTH)
    assert selected.levels == (2, 4, 8)
    errors = {trial.levels: trial.error for trial in trials}
    expected = (selected(X0, 64) - TRUTH)[:, 1:].square().mean().item()
    assert errors[2, 4, 8] == pytest.approx(expected) == min(errors.values())
    assert len(errors) == len(trials)


def test_the_upper_bound_is_sought_first_and_then_the_lower():
    trials = select_levels(PLANTED, DT, TRUTH).trials
    upwards = [(1,), (1, 2), (1, 2, 4), (1, 2, 4, 8), (1, 2, 4, 8, 16)]
    downwards = [(8,), (4, 8), (2, 4, 8)]
    assert [trial.levels for trial in trials] == upwards + downwards


def test_by_cost_every_range_of_neighbours_is_tried():
    trials = select_levels_by_cost(PLANTED, DT, TRUTH).trials
    ranges = {trial.levels for trial in trials}
    assert len(trials) == len(ranges) == 15
    assert (2, 4) in ranges and (2, 8) not in ranges


def test_two_phases_may_miss_the_best_range():
    # The short flow is bad where the long one leads, so together they are the worst,
    # and the long one is dropped before anyone tries it alone.
    flows = {
        1: lambda x: torch.where(x < 0, -10.0, 0.1),
        2: lambda x: torch.full_like(x, -0.01),
    }
    assert select_levels(flows, 1.0, REST).stepper.levels == (1,)
    everything = select_levels_by_cost(flows, 1.0, REST)
    assert everything.stepper.levels == (2,)
    errors = {trial.levels: trial.error for trial in everything.trials}
    assert errors[2,] < errors[1,] < errors[1, 2]


def test_equal_errors_prefer_fewer_levels():
    same = {s: partial(torch.add, other=0.0) for s in (1, 2, 4)}
    # The first phase keeps the shortest alone, and the second has nothing to drop.
    assert select_levels(same, 1.0, REST).stepper.levels == (1,)
    # Level 8 is needed; then the shorter ones add nothing.
    grown = {1: lambda x: x + 1e-3, 2: lambda x: x + 0.0, 8: lambda x: x + 0.0}
    assert select_levels(grown, 1.0, REST).stepper.levels == (2,)


def test_cost_decides_between_errors_that_are_nearly_the_same():
    flows = {1: Shift(1e-3, 10), 8: Shift(8.1e-3, 10)}
    selection = select_levels_by_cost(flows, 1.0, REST)
    costs = {trial.levels: trial.cost for trial in selection.trials}
    assert costs == {(1,): 80, (8,): 10, (1, 8): 80}
    assert selection.stepper.levels == (8,)
    strict = select_levels_by_cost(flows, 1.0, REST, within=1.0)
    assert strict.stepper.levels == (1,)
    dear = select_levels_by_cost(flows, 1.0, REST, costs={1: 1, 8: 100})
    assert dear.stepper.levels == (1,)


def test_equal_costs_prefer_the_shorter_serial_part():
    flows = biased_flows({1: 1e-6, 8: 8.2e-6})
    selection = select_levels_by_cost(flows, DT, TRUTH, within=1.5)
    trials = {trial.levels: trial for trial in selection.trials}
    assert trials[1,].cost == trials[1, 8].cost == 64
    assert (trials[1,].calls, trials[1, 8].calls) == (64, 15)
    assert trials[1,].error < trials[1, 8].error
    assert selection.stepper.levels == (1, 8)


STEADY = partial(torch.add, other=0.0)
BROKEN = partial(torch.mul, other=math.nan)


def test_a_diverging_choice_is_infinitely_bad():
    flows = {1: BROKEN, 2: STEADY, 4: STEADY, 8: BROKEN}
    selected, trials = select_levels_by_cost(flows, 1.0, REST)
    assert selected.levels == (4,)
    for trial in trials:
        assert math.isinf(trial.error) == bool({1, 8} & {*trial.levels})
    with pytest.raises(FloatingPointError, match=r"choice .*\(1, 8\) .*diverges"):
        select_levels_by_cost({1: BROKEN, 8: BROKEN}, 1.0, REST)


def test_either_phase_drops_a_level_that_diverges():
    steady = dict.fromkeys((1, 2, 4), STEADY)
    assert select_levels(steady | {4: BROKEN}, 1.0, REST).stepper.levels == (1,)
    assert select_levels(steady | {1: BROKEN}, 1.0, REST).stepper.levels == (4,)
    with pytest.raises(FloatingPointError, match="select_levels_by_cost"):
        select_levels(steady | {1: BROKEN, 4: BROKEN}, 1.0, REST)


@pytest.mark.parametrize("select", [select_levels, select_levels_by_cost])
def test_the_interpolant_of_the_search_is_that_of_the_stepper(select):
    options = {"interpolation": "hermite", "field": OSCILLATOR}
    selected, trials = select(biased_flows({4: 0.0, 8: 1e-4}), DT, TRUTH, **options)
    assert selected.interpolant == "hermite" and selected.field is OSCILLATOR
    assert min(trial.error for trial in trials) < 1e-9


BAD_INPUT = [
    (lambda: select_levels(PLANTED, DT, TRUTH[:0]), r"at least one.*\(0, 65, 2\)"),
    (lambda: select_levels(PLANTED, DT, TRUTH[:, :1]), r"one step.*\(2, 1, 2\)"),
    (lambda: select_levels(PLANTED, DT, TRUTH[0, 0]), r"shape \(2,\)"),
    (lambda: select_levels(PLANTED, DT, TRUTH.long()), "floating-point.*int64"),
    (lambda: select_levels(PLANTED, DT, TRUTH / 0), "entries that are nan or inf"),
    (lambda: select_levels({}, DT, TRUTH), "at least one level"),
    (lambda: select_levels({4: abs, 6: abs}, DT, TRUTH), "4 does not divide 6"),
    (lambda: select_levels(PLANTED, DT, TRUTH, interpolation="x"), "interpolation"),
    (lambda: select_levels_by_cost(PLANTED, DT, TRUTH, within=0.9), "at least 1"),
    (lambda: select_levels_by_cost(PLANTED, DT, TRUTH, costs={1: 1}), "every level"),
]


@pytest.mark.parametrize(("call", "message"), BAD_INPUT)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
