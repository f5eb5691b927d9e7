"""Which levels a hierarchical time-stepper should have, by validation."""

import itertools
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from lecture_utils.hits import HierarchicalStepper
from lecture_utils.types import FlowMap


class Trial(NamedTuple):
    """One choice of levels, scored on validation trajectories."""

    levels: tuple[int, ...]
    error: float  # mean squared, over trajectories, steps and components; inf: diverged
    cost: float  # per trajectory: evaluations times what one of them costs
    calls: int  # evaluations that must wait for one another


class Selection(NamedTuple):
    """The stepper with the levels selected, and all that was tried, in that order."""

    stepper: HierarchicalStepper
    trials: list[Trial]


def select_levels(
    flows: Mapping[int, FlowMap], dt: float, trajectories: Tensor, **options: Any
) -> Selection:
    """Drop long steps first, then short ones, as long as the error falls.

    This is the validation of Liu, Kutz & Brunton (2022), Sec. 2.3: of all sets that
    start with the shortest level the best is found, then of all that end where this one
    ends. Equal errors prefer fewer levels. The other ranges are not tried, so a better
    one may be missed.

    Args:
        flows: Flow map of each level, as for `HierarchicalStepper`.
        dt: Time step of the trajectories.
        trajectories: Validation trajectories, shape ``(..., T, d)``. The forecasts
            start from their first states and see nothing else.
        options: Further arguments of `HierarchicalStepper`.

    Returns:
        The selected stepper and every `Trial`.

    Raises:
        ValueError: If there are no validation trajectories, or as in
            `HierarchicalStepper`.
        FloatingPointError: If every choice tried diverges.
    """
    validation = _Validation(flows, dt, trajectories, None, options)
    levels = validation.levels
    uppers = [validation.score(levels[: i + 1]) for i in range(len(levels))]
    upper = min(uppers, key=lambda trial: trial.error)
    if math.isinf(upper.error):
        upper = uppers[-1]  # all diverge: keep all, it may be due to the shortest
    shorter = [upper.levels[i:] for i in range(1, len(upper.levels))]
    lowers = [validation.score(levels) for levels in reversed(shorter)]
    best = min([*lowers, upper], key=lambda trial: trial.error)
    return validation.selection(best, uppers + lowers)


def select_levels_by_cost(
    flows: Mapping[int, FlowMap],
    dt: float,
    trajectories: Tensor,
    *,
    within: float = 1.1,
    costs: Mapping[int, float] | None = None,
    **options: Any,
) -> Selection:
    """The cheapest neighbouring levels whose error is nearly the smallest.

    Every range of neighbouring levels is tried. The cost is counted, not measured, so
    it is the same on every machine. Equal costs prefer the shorter serial part.

    Args:
        flows: Flow map of each level, as for `HierarchicalStepper`.
        dt: Time step of the trajectories.
        trajectories: Validation trajectories, shape ``(..., T, d)``.
        within: Accepted error as a multiple of the smallest.
        costs: Cost of one evaluation at each level. By default the number of parameters
            if every flow is a module that has some, else 1.
        options: Further arguments of `HierarchicalStepper`.

    Returns:
        The selected stepper and every `Trial`.

    Raises:
        ValueError: If ``within`` is less than 1, ``costs`` lacks a level, or as in
            `select_levels`.
        FloatingPointError: If every choice tried diverges.
    """
    if not within >= 1:
        raise ValueError(f"within must be at least 1, the best itself, got {within}.")
    validation = _Validation(flows, dt, trajectories, costs, options)
    levels = validation.levels
    ends = itertools.combinations(range(len(levels) + 1), 2)
    trials = [validation.score(levels[low:high]) for low, high in ends]
    limit = within * min(trial.error for trial in trials)
    best = min(
        (trial for trial in trials if trial.error <= limit),
        key=lambda trial: (trial.cost, trial.calls, trial.error),
    )
    return validation.selection(best, trials)


class _Validation:
    """Scores choices of levels; complains about its input before any work."""

    def __init__(
        self,
        flows: Mapping[int, FlowMap],
        dt: float,
        trajectories: Tensor,
        costs: Mapping[int, float] | None,
        options: Mapping[str, Any],
    ):
        self.levels = HierarchicalStepper(flows, dt, **options).levels
        self.costs = _parameter_counts(flows) if costs is None else costs
        if not set(self.levels) <= set(self.costs):
            raise ValueError(
                f"costs must name every level of {self.levels}, got {tuple(self.costs)}"
            )
        shape = tuple(trajectories.shape)
        if len(shape) < 2 or shape[-2] < 2 or 0 in shape:
            raise ValueError(
                "Validation needs trajectories of shape (..., T, d) with at least one "
                f"of them and one step, got shape {shape}."
            )
        if not trajectories.is_floating_point() or not trajectories.isfinite().all():
            raise ValueError(
                "Validation trajectories must be finite floating-point states, got "
                f"{trajectories.dtype} with {int((~trajectories.isfinite()).sum())} "
                "entries that are nan or inf."
            )
        self.flows, self.dt, self.options = flows, dt, options
        self.trajectories = trajectories

    def stepper(self, levels: tuple[int, ...]) -> HierarchicalStepper:
        """The hierarchy of some of the levels."""
        kept = {substeps: self.flows[substeps] for substeps in levels}
        return HierarchicalStepper(kept, self.dt, **self.options)

    def score(self, levels: tuple[int, ...]) -> Trial:
        """Forecast all validation trajectories; one that diverges counts as inf."""
        stepper = self.stepper(levels)
        n_steps = self.trajectories.shape[-2] - 1
        evaluations = stepper.evaluations(n_steps)
        cost = sum(n * self.costs[substeps] for substeps, n in evaluations.items())
        try:
            states = stepper(self.trajectories[..., 0, :], n_steps)
            wrong = (states - self.trajectories)[..., 1:, :].square()
            error = wrong.mean(dtype=torch.float64).item()
        except FloatingPointError:
            error = math.inf
        return Trial(levels, error, cost, stepper.calls(n_steps))

    def selection(self, best: Trial, trials: list[Trial]) -> Selection:
        """The result, with all that was tried.

        Raises:
            FloatingPointError: If even the best choice diverges.
        """
        if math.isinf(best.error):
            raise FloatingPointError(
                f"Every choice tried from the levels {self.levels} diverges on the "
                "validation trajectories. Train the flows where these go, or see "
                "whether select_levels_by_cost, which tries more, finds a better one."
            )
        return Selection(self.stepper(best.levels), trials)


def _parameter_counts(flows: Mapping[int, FlowMap]) -> Mapping[int, float]:
    """Parameters of each flow; 1 each if they cannot be compared like that."""
    counts: dict[int, float] = {
        substeps: sum(p.numel() for p in flow.parameters())
        for substeps, flow in flows.items()
        if isinstance(flow, nn.Module)
    }
    comparable = len(counts) == len(flows) and all(counts.values())
    return counts if comparable else dict.fromkeys(flows, 1.0)
