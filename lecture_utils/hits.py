"""Flow maps of several step sizes as one time-stepper.

Source: Liu, Kutz & Brunton, *Hierarchical deep learning of multiscale differential
equation time-steppers*, Phil. Trans. R. Soc. A 380, 20210200 (2022), Sec. 2.3.
"""

import itertools
import math
from collections.abc import Iterator, Mapping
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn

from lecture_utils.checks import check_count, check_finite, check_like, check_states
from lecture_utils.flows import refine
from lecture_utils.interpolation import cubic_hermite, cubic_spline, linear
from lecture_utils.types import FlowMap, VectorField

CPU_CHUNK = 3000  # states whose hidden layers, some 48 wide, stay in a core's cache
CPU_CHUNK_PLAIN = 20_000  # the same for a function that holds no layers


class _Level(NamedTuple):
    """What one level does: from ``n_starts`` states, ``n_calls`` steps each."""

    substeps: int
    n_steps: int  # of this level, until the end of the forecast
    n_starts: int
    n_calls: int


class HierarchicalStepper:
    """Long steps first, then shorter ones from every state found so far.

    With a classical step at the bottom it is a hybrid: ``{1024: network, 1:
    flow_map(field, dt)}``. Where the shortest step is longer than ``dt``, the states on
    the grid of ``dt`` are interpolated.

    Args:
        flows: Flow map of each level, ``{substeps: flow}``, where ``substeps * dt`` is
            its time step; every one must divide the next larger. A flow is called with
            states of shape ``(n, d)``, those of all trajectories and times together.
        dt: Time step of the result.
        interpolation: ``"linear"``, ``"spline"`` (cubic, from the states alone) or
            ``"hermite"`` (cubic, with the slopes of ``field``).
        field: Autonomous vector field, called as ``field(0.0, x)``.
        chunk: How many states a flow gets at once. By default as many as suit the
            cache of a CPU core (for a `torch.nn.Module` fewer than for a function), and
            all of them on another device.

    Raises:
        ValueError: If there is no level, a level does not divide the next larger,
            ``dt`` is zero or not finite, ``chunk`` is not a whole number >= 1, the
            interpolation is unknown, or it needs a ``field`` that is missing.
    """

    def __init__(
        self,
        flows: Mapping[int, FlowMap],
        dt: float,
        *,
        interpolation: str = "linear",
        field: VectorField | None = None,
        chunk: int | None = None,
    ):
        self.levels = _checked_levels(flows)
        if not math.isfinite(dt) or dt == 0:
            raise ValueError(f"dt must be finite and not zero, got {dt}.")
        if interpolation not in ("linear", "spline", "hermite"):
            raise ValueError(
                "interpolation must be 'linear', 'spline' or 'hermite', got "
                f"{interpolation!r}."
            )
        if interpolation == "hermite" and field is None:
            raise ValueError(
                "Hermite interpolation takes its slopes from a field, got None. Pass "
                "field=..., or try interpolation='spline', which needs states only."
            )
        if chunk is not None:
            check_count("chunk", chunk, least=1)
        self.flows = dict(flows)
        self.dt = dt
        self.interpolation = interpolation
        self.field = field
        self.chunk = chunk

    @property
    def interpolant(self) -> str | None:
        """How states between those of the shortest step are made; None if none are."""
        return None if self.levels[0] == 1 else self.interpolation

    def __repr__(self) -> str:
        return (
            f"HierarchicalStepper(levels={self.levels}, dt={self.dt:g}, "
            f"interpolant={self.interpolant!r})"
        )

    def __call__(self, x0: Tensor, n_steps: int) -> Tensor:
        """Trajectory on the grid of ``dt`` (Algorithm 1 of the source, vectorised).

        The result records no gradients, whatever ``x0`` and the flows ask for. A flow
        that differentiates inside, such as a Hamiltonian field, needs `torch.func`.

        Args:
            x0: Initial states, floating point and finite, shape ``(..., d)``.
            n_steps: How many steps of ``dt``.

        Returns:
            Trajectory, shape ``(..., n_steps + 1, d)``, with dtype and device of
            ``x0``; entry ``[..., 0, :]`` is ``x0``.

        Raises:
            ValueError: If ``n_steps`` is not a whole number >= 0, ``x0`` is not a
                finite floating-point state, or a flow changes its shape or dtype or
                writes into its input.
            FloatingPointError: If a level produces nan or inf.
        """
        check_count("n_steps", n_steps)
        check_states("x0", x0)
        check_finite("x0", x0)
        with torch.inference_mode():
            states = x0.detach().reshape(-1, 1, x0.shape[-1])
            for level in self._plan(n_steps):
                states = self._advanced(states, level)
            if self.interpolant:
                states = self._interpolated(states)[:, : n_steps + 1]
        # A tensor born in inference mode cannot be trained on; its clone can.
        return states.clone().reshape(*x0.shape[:-1], n_steps + 1, x0.shape[-1])

    def evaluations(self, n_steps: int) -> dict[int, int]:
        """How often the flow of each level is evaluated per trajectory.

        Raises:
            ValueError: If ``n_steps`` is not a whole number >= 0.
        """
        plan = self._plan(n_steps)
        return {level.substeps: level.n_starts * level.n_calls for level in plan}

    def calls(self, n_steps: int) -> int:
        """How many evaluations must wait for one another: the serial part.

        Raises:
            ValueError: If ``n_steps`` is not a whole number >= 0.
        """
        return sum(level.n_calls for level in self._plan(n_steps))

    def _plan(self, n_steps: int) -> Iterator[_Level]:
        check_count("n_steps", n_steps)
        # The last interpolated piece needs the state behind it: round up.
        n_steps = -(-n_steps // self.levels[0]) * self.levels[0]
        longer, n_gaps = (n_steps + 1) * self.levels[-1], 0  # one gap beyond the end
        for substeps in reversed(self.levels):
            n = n_steps // substeps
            n_parts = longer // substeps
            has_tail = n > n_gaps * n_parts
            yield _Level(substeps, n, n_gaps + has_tail, min(n_parts - 1, n))
            longer, n_gaps = substeps, n

    def _advanced(self, states: Tensor, level: _Level) -> Tensor:
        """States on the grid of a level, ``(N, T, d) -> (N, level.n_steps + 1, d)``."""
        if states.shape[1] == level.n_starts:
            # The last state starts one more gap, of which only the tail is kept.
            states = torch.cat([states, states[:, -1:]], dim=1)
        step_size = level.substeps * self.dt
        name = f"the level of {level.substeps} substeps (dt = {step_size:g})"
        flow = partial(_in_chunks, self.flows[level.substeps], self.chunk, name)
        states = refine(states, flow, level.n_calls + 1)[:, : level.n_steps + 1]
        _check_divergence(states, level.substeps, name)
        return states

    def _interpolated(self, states: Tensor) -> Tensor:
        n_substeps = self.levels[0]
        if self.interpolation == "linear":
            return linear(states, n_substeps)
        if self.interpolation == "spline":
            return cubic_spline(states, n_substeps)
        assert self.field is not None  # for the type checker: __init__ has seen to it
        field, name = partial(self.field, 0.0), "the field of the interpolation"
        velocity = _in_chunks(field, self.chunk, name, states)
        _check_divergence(velocity, n_substeps, name)
        return cubic_hermite(states, velocity, n_substeps * self.dt, n_substeps)


def _in_chunks(
    function: FlowMap, chunk: int | None, name: str, states: Tensor
) -> Tensor:
    """Apply a function to all states, ``(..., d) -> (..., d)``, a chunk at a time."""
    rows = states.reshape(-1, states.shape[-1])
    if chunk is None:
        chunk = CPU_CHUNK if isinstance(function, nn.Module) else CPU_CHUNK_PLAIN
        chunk = chunk if states.device.type == "cpu" else max(len(rows), 1)
    if len(rows) <= chunk:
        result = function(rows)
        check_like(name, result, rows)
        return result.reshape(states.shape)
    results = []
    for part in rows.split(chunk):
        results.append(function(part))
        check_like(name, results[-1], part)
    return torch.cat(results).reshape(states.shape)


def _check_divergence(states: Tensor, n_substeps: int, name: str) -> None:
    finite = states.isfinite().all(dim=-1)
    if finite.all():
        return
    step = int((~finite).any(dim=0).nonzero()[0]) * n_substeps
    n_bad = int((~finite).any(dim=1).sum())
    raise FloatingPointError(
        f"Nan or inf from {name}, first at step {step} of the forecast, in {n_bad} of "
        f"{len(states)} trajectories. Start where it was trained, or leave this level "
        "out: select_levels finds those worth keeping."
    )


def _checked_levels(flows: Mapping[int, FlowMap]) -> tuple[int, ...]:
    if not flows:
        raise ValueError("There must be at least one level {substeps: flow}, got none.")
    for substeps in flows:
        check_count("The substeps of a level", substeps, least=1)
    levels = tuple(sorted(flows))
    for short, long in itertools.pairwise(levels):
        if long % short:
            raise ValueError(
                "Every level must divide the next larger, so that its states are on "
                f"the finer grid, but {short} does not divide {long}. Try powers of 2."
            )
    return levels
