"""Checks for the exercises. Each prints what passed, or says what to look at.

A check gets the learner's own function, calls it on problems with known answers, and
fails with a hint that names the likely mistake.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from lecture_utils._answers import answer, call, number
from lecture_utils.types import StepMethod, VectorField


def check_order(step: StepMethod, *, order: int) -> None:
    r"""Check a one-step method on :math:`\dot x = x\cos t`, where x(2) is known.

    Raises:
        AssertionError: With a hint, if the observed order differs from ``order``.
    """

    def error(n_steps: int) -> float:
        dt, x = 2 / n_steps, torch.ones(1, dtype=torch.float64)
        for i in range(n_steps):
            x = answer(step, (lambda t, x: x * math.cos(t), i * dt, x, dt), x)
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
        hint = "A need not be square: use singular values, torch.linalg.matrix_norm."
        found = number(injective_step, (a, b), hint)
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
    field = call(make_field, (w, b, 0.3))
    assert callable(field), (
        f"Your function must return a function of x, not {type(field).__name__}."
    )
    found = answer(field, (x,), x)
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
    found = answer(undo, (field, t, x_next, dt), x)
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
