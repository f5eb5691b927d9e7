"""Checks for the exercises on approximation; see `lecture_utils.exercises`."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from lecture_utils._answers import answer, number


def check_hat(hat: Callable[[Tensor, float, float, float], Tensor]) -> None:
    """Check a hat function made of ReLUs.

    ``hat(x, left, peak, right)`` should be 0 outside ``(left, right)``, 1 at ``peak``
    and straight between, for ``x`` of any shape.

    Raises:
        AssertionError: With a hint, if it is another function.
    """
    x = torch.linspace(-2, 4, 121, dtype=torch.float64).reshape(11, 11)
    for a, b, c in ((0.0, 1.0, 2.0), (-1.0, -0.5, 1.5), (0.2, 2.2, 2.6)):
        up, down = 1 / (b - a), 1 / (c - b)
        rise, fold = torch.relu(x - a), torch.relu(x - b)
        end = torch.relu(x - c)
        right = up * rise - (up + down) * fold + down * end
        found = answer(hat, (x, a, b, c), x)
        named = {
            "It has the right corners but not the height 1: divide by the lengths of "
            "the two sides.": rise - 2 * fold + end,
            "It falls for ever: a third unit, at right, has to stop it.": up * rise
            - (up + down) * fold,
            "Beyond the peak it is flat: the slope must change by both slopes.": up
            * rise
            - up * fold,
            "The two sides differ in length, so they differ in slope.": up * rise
            - 2 * up * fold
            + up * end,
        }
        hint = next(
            (text for text, wrong in named.items() if torch.allclose(found, wrong)),
            "Write down the slope in each of the four intervals; each ReLU adds its "
            "outer weight to the slope at its corner.",
        )
        assert torch.allclose(found, right), f"For hat(x, {a}, {b}, {c}): {hint}"
    print("Passed: three units make a hat.")


def check_flow_floor(flow_floor: Callable[[Tensor], float]) -> None:
    """Check the least sup error of increasing functions, from values on a grid.

    ``flow_floor(values)`` should return half the largest drop between a value and a
    later one, 0 if there is none.

    Raises:
        AssertionError: With a hint, if it is another number.
    """
    x = torch.linspace(0, 1, 301, dtype=torch.float64)
    samples = {
        "-x": -x,
        "x + 0.3 sin(6 pi x)": x + 0.3 * torch.sin(6 * math.pi * x),
        "sin(2 pi x)": torch.sin(2 * math.pi * x),
        "sin(7 x) - x": torch.sin(7 * x) - x,
        "x^2": x**2,
        "-5, 1, 4, 2, 3, 0.5, 9, 8": torch.tensor(
            [-5, 1, 4, 2, 3, 0.5, 9, 8], dtype=torch.float64
        ),
    }
    for name, values in samples.items():
        later = values[None, :] - values[:, None]  # entry [i, j]: values[j] - values[i]
        drop = max(0.0, -later.triu().min().item())
        found = number(flow_floor, (values,))
        named = {
            drop: "The error is shared by both ends of the drop: half of it each.",
            -values.diff().min().item() / 2: (
                "That compares neighbours only; the largest drop is between a value "
                "and any later one."
            ),
            later.triu().max().item() / 2: "That is the largest rise; take the drop.",
            (values.max() - values.min()).item() / 2: (
                "That ignores the order: going up costs an increasing function nothing."
            ),
            values.diff().clamp(max=0).sum().item() / -2: (
                "That adds up all descents; only the largest drop counts."
            ),
        }
        top, low = int(values.argmax()), int(values.argmin())
        named |= {
            (values.max() - values[top:].min()).item() / 2: (
                "The largest drop need not start at the largest value of all."
            ),
            (values[: low + 1].max() - values.min()).item() / 2: (
                "The largest drop need not end at the smallest value of all."
            ),
            _longest_descent(values) / 2: (
                "A drop may be interrupted by a rise: compare with the largest value "
                "so far, not with the last peak."
            ),
        }
        hint = next(
            (
                text
                for value, text in named.items()
                if math.isclose(value, found, abs_tol=1e-9)
            ),
            "Keep the largest value so far, and compare it with each value.",
        )
        if found < 0:
            hint = "An increasing function has no drop: the floor is 0, never negative."
        assert math.isclose(found, drop / 2, abs_tol=1e-9), (
            f"For {name} the floor is {drop / 2:.4f}, you gave {found:.4f}. {hint}"
        )
    print("Passed: no flow on the line can do better than that.")


def _longest_descent(values: Tensor) -> float:
    """The largest fall without a rise in between."""
    largest = fall = 0.0
    for step in values.diff().tolist():
        fall = fall - step if step < 0 else 0.0
        largest = max(largest, fall)
    return largest


def check_polynomial_width(polynomial_width: Callable[[int, int], int]) -> None:
    """Check from which width on a polynomial activation gains nothing.

    ``polynomial_width(degree, dim)`` should return the dimension of the polynomials of
    at most that degree in ``dim`` variables.

    Raises:
        AssertionError: With a hint, if a count is wrong.
    """
    for degree, dim in ((2, 3), (3, 1), (3, 2), (4, 8)):
        expected = math.comb(degree + dim, dim)
        found = number(polynomial_width, (degree, dim))
        named = {
            degree + 1: "That is right for one input only.",
            math.comb(degree + dim - 1, degree): (
                "Those are the monomials of exactly that degree; the biases bring in "
                "the lower ones."
            ),
            (degree + 1) ** dim: (
                "That bounds the degree in each variable; the bound is on the sum of "
                "the exponents."
            ),
            degree**dim: "Count monomials whose exponents add up to at most degree.",
            degree * dim + 1: "Mixed monomials such as x1 x2 count as well.",
            expected - 1: "Do not forget the constant.",
        }
        hint = named.get(round(found), "Count the monomials for two inputs by hand.")
        assert found == expected, (
            f"For degree {degree} and {dim} inputs the width is {expected}, you gave "
            f"{found:g}. {hint}"
        )
    print("Passed: wider networks are the same polynomials.")


def check_least_time(least_time: Callable[[Tensor, Tensor, float], float]) -> None:
    r"""Check the time that a field of bounded stretch needs to move points.

    ``least_time(starts, targets, lipschitz)`` should return the largest
    :math:`|\log(|y_i - y_j| / |x_i - x_j|)| / \mathrm{Lip}` over all pairs.

    Raises:
        AssertionError: With a hint, if it is another number.
    """
    generator = torch.Generator().manual_seed(0)
    for n, lipschitz, scale in ((6, 3.0, 3.0), (9, 0.5, 0.02), (5, 4.0, 1.0)):
        x = torch.randn(n, 2, dtype=torch.float64, generator=generator)
        y = scale * torch.randn(n, 2, dtype=torch.float64, generator=generator)
        i, j = torch.triu_indices(n, n, offset=1)
        logs = ((y[i] - y[j]).norm(dim=-1) / (x[i] - x[j]).norm(dim=-1)).log()
        expected = logs.abs().max().item() / lipschitz
        hint = "A point has the distance 0 from itself: leave out i = j (torch.pdist)."
        found = number(least_time, (x, y, lipschitz), hint)
        steps = ((y[1:] - y[:-1]).norm(dim=-1) / (x[1:] - x[:-1]).norm(dim=-1)).log()
        named = {
            logs.max().item() / lipschitz: (
                "Pulling together takes as long as pulling apart: use |log|."
            ),
            -logs.min().item() / lipschitz: (
                "Pulling apart takes as long as pulling together: use |log|."
            ),
            expected * lipschitz: "Divide by the Lipschitz constant.",
            2 * expected: "Take the ratio of distances, not of their squares.",
            logs.abs().mean().item() / lipschitz: "Take the largest over all pairs.",
            logs.abs().min().item() / lipschitz: "Take the largest over all pairs.",
            expected * lipschitz**2: "Divide by the Lipschitz constant, not multiply.",
            logs.exp().max().item() / lipschitz: (
                "Distances grow at most like exp(Lip t): take the logarithm."
            ),
            steps.abs().max().item() / lipschitz: (
                "Compare all pairs of points, not only neighbours in the list."
            ),
            (y - x).norm(dim=-1).max().item() / lipschitz: (
                "That is how far the points go. What takes time here is to change the "
                "distances between them."
            ),
            -logs.max().item() / lipschitz: (
                "Take |log| of each pair first, then the largest over all pairs."
            ),
        }
        hint = next(
            (text for value, text in named.items() if math.isclose(value, found)),
            "For one pair: |x - y| e^(-Lip t) <= distance at t <= |x - y| e^(Lip t).",
        )
        assert math.isclose(found, expected, rel_tol=1e-6), (
            f"For {n} points and Lip = {lipschitz:g} the time is {expected:.4f}, you "
            f"gave {found:.4f}. {hint}"
        )
    print("Passed: this time is needed, whatever the fields.")
