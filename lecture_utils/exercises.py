"""Checks for the exercises. Each prints what passed, or says what to look at.

A check gets the learner's own function, calls it on problems with known answers, and
fails with a hint that names the likely mistake.
"""

import itertools
import math
from collections.abc import Callable

import torch
from torch import Tensor

from lecture_utils.types import StepMethod, VectorField


def check_order(step: StepMethod, *, order: int) -> None:
    r"""Check a one-step method on :math:`\dot x = x\cos t`, where x(2) is known.

    Raises:
        AssertionError: With a hint, if the observed order differs from ``order``.
    """

    def error(n_steps: int) -> float:
        dt, x = 2 / n_steps, torch.ones(1, dtype=torch.float64)
        for i in range(n_steps):
            x = _answer(step, (lambda t, x: x * math.cos(t), i * dt, x, dt), x)
        return abs(x.item() - math.exp(math.sin(2)))

    coarse, fine = error(80), error(160)
    observed = math.log2(coarse / fine) if fine != 0 else math.inf
    assert abs(observed - order) < 0.2, (
        f"Halving dt should divide the error by {2**order}, but it went from "
        f"{coarse:.1e} to {fine:.1e} (order {observed:.1f}). "
        f"{_order_hint(observed, order)}"
    )
    print(f"Passed: observed order {observed:.2f}.")


def _order_hint(observed: float, order: int) -> str:
    if not observed > 0.5:
        return "The method does not converge: check that you add dt * slope to x."
    if observed < order:
        return "Check at which state and time each slope is evaluated."
    return "The method is more accurate than asked: is it the one in the exercise?"


def check_injective_step(
    injective_step: Callable[[Tensor, Tensor], float],
) -> None:
    r"""Check the largest safe step of the layer :math:`x + h\,B \tanh(A x + b)`.

    ``injective_step(A, B)`` should return :math:`1 / (\|A\|_2 \|B\|_2)`, with
    spectral norms, below which the layer is one-to-one whatever the bias.

    Raises:
        AssertionError: With a hint, if the step is another one.
    """
    generator = torch.Generator().manual_seed(0)
    for width, dim in ((8, 2), (3, 5)):
        a = torch.randn(width, dim, dtype=torch.float64, generator=generator)
        b = torch.randn(dim, width, dtype=torch.float64, generator=generator)
        norm_a, norm_b = (torch.linalg.matrix_norm(m, 2).item() for m in (a, b))
        expected = 1 / (norm_a * norm_b)
        found = _number(injective_step, (a, b))
        named = {
            1 / (a.norm() * b.norm()).item(): (
                "That is the Frobenius norm: safe, but smaller than need be. The "
                "Lipschitz constant of x -> A x is its largest singular value."
            ),
            1 / norm_a: "The slope of the layer depends on B as well.",
            1 / norm_b: "The slope of the layer depends on A as well.",
            norm_a * norm_b: "That is the Lipschitz constant; the step is its inverse.",
            1 / torch.linalg.matrix_norm(b @ a, 2).item(): (
                "That is the norm of the product B A, but tanh stands between them and "
                "bends each unit on its own: bound the two norms one by one."
            ),
            2 * expected: (
                "That is the bound for the layer not to expand under pure decay. Two "
                "points collide as soon as h times the Lipschitz constant reaches one."
            ),
        }
        hint = next(
            (text for value, text in named.items() if math.isclose(value, found)),
            "Bound |f(x) - f(y)| <= Lip |x - y|; when is x + h f(x) = y + h f(y)?",
        )
        assert math.isclose(found, expected, rel_tol=1e-6), (
            f"For A of shape {tuple(a.shape)} the step should be {expected:.4f}, you "
            f"gave {found:.4f}. {hint}"
        )
    print("Passed: the step is one over the product of the spectral norms.")


def check_antisymmetric_field(
    make_field: Callable[[Tensor, Tensor, float], Callable[[Tensor], Tensor]],
) -> None:
    r"""Check the field :math:`\tanh((W - W^\top - \gamma I)\,x + b)`.

    ``make_field(W, b, gamma)`` should return it as a function ``(..., d) -> (..., d)``.

    Raises:
        AssertionError: With a hint, if it is another field or mixes up the axes.
    """
    generator = torch.Generator().manual_seed(0)
    w = torch.randn(4, 4, dtype=torch.float64, generator=generator)
    b = torch.randn(4, dtype=torch.float64, generator=generator)
    x = torch.randn(7, 3, 4, dtype=torch.float64, generator=generator)
    field = _call(make_field, (w, b, 0.3))
    assert callable(field), (
        f"Your function must return a function of x, not {type(field).__name__}."
    )
    found = _answer(field, (x,), x)
    eye = torch.eye(4, dtype=torch.float64)

    def layer(matrix: Tensor) -> Tensor:
        return torch.tanh(x @ matrix.mT + b)

    if torch.allclose(found, layer(w - w.T - 0.3 * eye)):
        print("Passed: this is tanh((W - W^T - gamma I) x + b).")
        return
    named = {
        "It leaves out gamma: subtract gamma on the diagonal.": layer(w - w.T),
        "gamma has the wrong sign: it should damp.": layer(w - w.T + 0.3 * eye),
        "W + W^T is symmetric; the antisymmetric part is W - W^T.": layer(
            w + w.T - 0.3 * eye
        ),
        "The bias belongs inside the tanh.": torch.tanh(x @ (w - w.T - 0.3 * eye).mT)
        + b,
        "The bias b is missing.": torch.tanh(x @ (w - w.T - 0.3 * eye).mT),
        "gamma is subtracted from every entry; it belongs on the diagonal only.": layer(
            w - w.T - 0.3
        ),
        "The matrix acts transposed: for rows x, A x is x @ A.mT.": layer(
            (w - w.T).T - 0.3 * eye
        ),
    }
    hint = next(
        (text for text, wrong in named.items() if torch.allclose(found, wrong)),
        "Compare with tanh((W - W^T - gamma I) x + b) at a single x, by hand.",
    )
    raise AssertionError(f"The field differs from the one asked for. {hint}")


def check_inverse(undo: StepMethod, step: StepMethod) -> None:
    """Check that ``undo(field, t, x_next, dt)`` gives back the ``x`` before ``step``.

    Tried on a separable field that depends on time: a driven pendulum.

    Raises:
        AssertionError: With a hint, if the state does not return to rounding.
    """
    field: VectorField = _driven_pendulum
    x = torch.tensor([[0.7, -0.4], [2.0, 1.5]], dtype=torch.float64)
    t, dt = 0.3, 0.2
    x_next = step(field, t, x, dt)
    found = _answer(undo, (field, t, x_next, dt), x)
    error = (found - x).abs().max().item()
    named = {
        "That is another step forward: the step should be -dt.": step(
            field, t + dt, x_next, dt
        ),
        "That is another step forward, from time t: step back instead.": step(
            field, t, x_next, dt
        ),
        "The step back starts at time t + dt, where x_next is, not at t - dt.": step(
            field, t - dt, x_next, -dt
        ),
        "Nearly: on the way back the step starts at time t + dt.": step(
            field, t, x_next, -dt
        ),
        "That is the state after the step: nothing was undone.": x_next,
    }
    hint = next(
        (text for text, wrong in named.items() if torch.allclose(found, wrong)),
        "Undo the half kick, the drift and the half kick in reverse order.",
    )
    assert error < 1e-12, f"The state came back with an error of {error:.1e}. {hint}"
    print(f"Passed: the state came back with an error of {error:.1e}.")


def _driven_pendulum(t: float | Tensor, x: Tensor) -> Tensor:
    q, p = x.chunk(2, dim=-1)
    return torch.cat([p, -q.sin() + math.cos(3 * float(t))], dim=-1)


def check_serial_calls(serial_calls: Callable[[list[int], int], int]) -> None:
    """Check the length of the chain of a hierarchical time-stepper.

    ``serial_calls(levels, n_steps)`` should return how many evaluations wait for one
    another; levels come in any order, ``n_steps`` is a multiple of the largest.

    Raises:
        AssertionError: With a hint, if a count is wrong.
    """
    for levels, n_steps in (([1], 12), ([8, 1], 64), ([1, 64, 8], 1024), ([4], 20)):
        down = sorted(levels, reverse=True)
        ratios = [long // short for long, short in itertools.pairwise(down)]
        expected = n_steps // down[0] + sum(ratio - 1 for ratio in ratios)
        found = _number(serial_calls, (list(levels), n_steps))
        named = {
            n_steps // down[0] + sum(ratios): (
                "The last step of each gap would land on a known state: leave it out."
            ),
            n_steps // down[0] * math.prod(ratios): (
                "That counts all evaluations; the gaps are filled at the same time."
            ),
            n_steps // down[-1]: (
                "That is the chain of the shortest step alone: use the landmarks."
            ),
            n_steps // levels[0]
            + sum(a // b - 1 for a, b in itertools.pairwise(levels)): (
                "The levels come in any order: sort them, largest first."
            ),
        }
        hint = named.get(round(found), "Count one level at a time, by hand.")
        assert found == expected, (
            f"For levels {levels} and {n_steps} steps the chain is {expected} long, "
            f"you gave {found:g}. {hint}"
        )
    print("Passed: landmarks one after the other, then the gaps of each level.")


def check_hermite_gap(hermite_gap: Callable[..., Tensor]) -> None:
    """Check cubic Hermite interpolation within a gap.

    ``hermite_gap(x0, x1, v0, v1, h, s)`` should return the state at the fraction ``s``.

    Raises:
        AssertionError: With a hint, if a cubic is not reproduced.
    """
    c = torch.tensor([[1.0, -2.0, 0.5, 3.0], [0.3, 1.0, -1.5, 0.2]]).double().T
    h, s = 0.4, 0.3

    def cubic(t: float) -> Tensor:
        return c[0] + c[1] * t + c[2] * t**2 + c[3] * t**3

    def slope(t: float) -> Tensor:
        return c[1] + 2 * c[2] * t + 3 * c[3] * t**2

    ends = (cubic(0), cubic(h), slope(0), slope(h))
    found = _answer(hermite_gap, (*ends, h, s), ends[0])
    x0, x1, v0, v1 = ends
    along = (1 + 2 * s) * (1 - s) ** 2 * x0 + s**2 * (3 - 2 * s) * x1
    bend = s * (1 - s) * ((1 - s) * v0 - s * v1)
    named = {
        "That is the straight line: the slopes must enter.": x0 + s * (x1 - x0),
        "The slopes are per unit of time: multiply them by h.": along + bend,
        "The slope at the end enters with a minus sign.": along
        + h * s * (1 - s) * ((1 - s) * v0 + s * v1),
        "Both slopes must enter, each from its own end.": along
        + h * s * (1 - s) * ((1 - s) * v1 - s * v0),
    }
    hint = next(
        (text for text, wrong in named.items() if torch.allclose(found, wrong)),
        "At s = 0 and s = 1 it must give the end states; check those first.",
    )
    assert torch.allclose(found, cubic(h * s)), f"A cubic is not reproduced. {hint}"
    print("Passed: cubics are reproduced exactly.")


def check_own_stepper(stepper: Callable[[Tensor, int], Tensor]) -> None:
    r"""Check a stepper for Duffing's oscillator, :math:`\ddot q = q - q^3`.

    Called with 50 states in :math:`[-1, 1]^2` and 160 steps of 0.05.

    Raises:
        AssertionError: With a hint, if its states are off by more than 1e-3.
    """
    generator = torch.Generator().manual_seed(1)
    x = 2 * torch.rand(50, 2, dtype=torch.float64, generator=generator) - 1
    found = _call(stepper, (x, 160))
    assert isinstance(found, Tensor) and found.shape == (50, 161, 2), (
        "stepper(x0, 160) must return states of shape (50, 161, 2) for x0 of shape "
        f"(50, 2); it returned {tuple(getattr(found, 'shape', ()))}."
    )
    levels = tuple(getattr(stepper, "levels", ()))
    assert {1, 16} <= set(levels), f"Use at least levels 1 and 16; yours are {levels}."
    assert getattr(stepper, "dt", 0.05) == 0.05, "Give the stepper dt = 0.05."
    for i in range(1, 161):
        for _ in range(10):
            x = _duffing_rk4(x, 0.005)
        error = (found[:, i] - x).abs().max().item()
        assert error < 1e-3, (
            f"At step {i} (t = {0.05 * i:g}) a state is off by {error:.1e}. "
            + _stepper_hint(i, levels)
        )
    print("Passed: all states up to t = 8 are right to 1e-3.")


def _stepper_hint(i: int, levels: tuple[int, ...]) -> str:
    if i < max(levels):
        return (
            f"This is before the first landmark, step {max(levels)}: look at the flow "
            f"map of level {min(levels)}: its time step, its sign, the size of its "
            "network, and the states it was trained on."
        )
    return (
        f"Up to the first landmark, step {max(levels)}, all was well: look at the flow "
        f"map of level {max(levels)}. Was it trained where the orbits go?"
    )


def _duffing_rk4(x: Tensor, dt: float) -> Tensor:
    def field(x: Tensor) -> Tensor:
        q, p = x.unbind(-1)
        return torch.stack([p, q - q**3], dim=-1)

    k1 = field(x)
    k2 = field(x + dt / 2 * k1)
    k3 = field(x + dt / 2 * k2)
    return x + dt / 6 * (k1 + 2 * k2 + 2 * k3 + field(x + dt * k3))


def _call(function: Callable, arguments: tuple) -> object:
    """Call the learner's function; its own exceptions come back as a hint."""
    assert callable(function), (
        "Hand over what can be called: the function itself, or the stepper."
    )
    try:
        found = function(*arguments)
    except AssertionError:
        raise
    except Exception as error:
        shapes = [tuple(a.shape) for a in arguments if isinstance(a, Tensor)]
        raise AssertionError(
            f"Your function raised {type(error).__name__}: {error}\nIt was called with "
            f"{len(arguments)} arguments, tensors of shape {shapes}. States are rows "
            "(..., d): a matrix acts on them as x @ A.T."
        ) from error
    assert found is not None, "Nothing came back: does the function end with return?"
    return found


def _answer(function: Callable, arguments: tuple, x: Tensor) -> Tensor:
    """What the learner's function returns, if it is a state like ``x``."""
    found = _call(function, arguments)
    assert isinstance(found, Tensor), f"Return a tensor, not {type(found).__name__}."
    assert found.shape == x.shape, (
        f"For x of shape {tuple(x.shape)} return the same shape, not "
        f"{tuple(found.shape)}."
    )
    return found


def _number(function: Callable, arguments: tuple) -> float:
    """What the learner's function returns, if it is one finite number."""
    found = _call(function, arguments)
    assert isinstance(found, int | float | Tensor), f"Return one number, not {found!r}."
    value = torch.as_tensor(found, dtype=torch.float64)
    assert value.numel() == 1, f"Return one number, not {value.numel()}: {found!r}."
    assert value.isfinite().all(), f"Return a finite number, not {value.item()}."
    return value.item()
