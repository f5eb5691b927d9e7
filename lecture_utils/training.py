"""The two training loops of this book.

`fit` minimises any loss with Adam. `fit_least_squares` is for small networks and a
mean of squares: fewer and dearer steps, which reach far smaller errors.
"""

import math
import os
import sys
from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from lecture_utils._least_squares import LeastSquares, damped_step
from lecture_utils.checks import check_count


def fit(
    loss: Callable[[], Tensor],
    parameters: Iterable[Tensor],
    *,
    n_steps: int,
    learning_rate: float = 1e-3,
    decay: bool = False,
    progress: bool | None = None,
) -> Tensor:
    """Minimise ``loss`` with Adam and return its history.

    Args:
        loss: Function of no arguments that returns the scalar loss. It is called once
            per step, so it may draw a fresh batch each time.
        parameters: What to change, usually ``model.parameters()``. Changed in place;
            those that do not require a gradient stay as they are.
        n_steps: Number of gradient steps.
        learning_rate: Step size of Adam.
        decay: Whether the step size falls to zero along half a cosine.
        progress: Whether to show a progress bar. By default a person at a terminal or
            in Jupyter sees one, but not while the book is built (``BOOK_STATIC=1``).

    Returns:
        Loss before each step, shape ``(n_steps,)``.

    Raises:
        ValueError: Before any step, if the loss is not a scalar that depends on the
            parameters, or if another argument cannot be used.
        FloatingPointError: If the loss or its gradient stops being finite. The
            parameters are then those of the last finite loss.
    """
    trained = _trainable(parameters)
    check_count("n_steps", n_steps, least=1)
    if not 0 < learning_rate < math.inf:
        raise ValueError(f"learning_rate must be positive, got {learning_rate}.")
    optimizer = torch.optim.Adam(trained, lr=learning_rate)
    last_good = [p.detach().clone() for p in trained]
    history = []
    bar = _progress_bar(n_steps, progress)
    for i in bar:
        if decay:
            fraction = (1 + math.cos(math.pi * i / n_steps)) / 2
            optimizer.param_groups[0]["lr"] = learning_rate * fraction
        optimizer.zero_grad()
        value = _checked_loss(loss())
        if not value.isfinite():
            _copy(last_good, trained)
            raise FloatingPointError(
                f"The loss became {value.item()} at step {i}. Try a learning rate "
                f"below {learning_rate:g}, and look for nan or inf in the data."
            )
        _copy(trained, last_good)
        value.backward()
        _check_gradients(trained, i)
        optimizer.step()
        history.append(value.detach())
        _show(bar, value)
    return torch.stack(history)


def fit_least_squares(
    residual: Callable[..., Tensor],
    model: nn.Module,
    data: Sequence[Tensor],
    *,
    n_steps: int,
    memory_gib: float = 4.0,
    progress: bool | None = None,
) -> Tensor:
    r"""Minimise a mean of squares with the Levenberg-Marquardt method.

    The residuals :math:`r` are replaced by their linearisation, whose damped least
    squares problem :math:`(J^T J + \mu D)\,s = -J^T r`, with :math:`D` the diagonal of
    :math:`J^T J`, gives the step :math:`s`. A step that does not lower the loss is
    tried again with a larger :math:`\mu`. Use float64: :math:`J^T J` squares the
    condition number. The parameters are changed in place after every step.

    Args:
        residual: Function ``(net, *samples) -> (n, ...)`` for samples of shape
            ``(n, ...)`` each, for example
            ``lambda net, x, x_next: net(x) - x_next``. It must call its argument
            ``net``, not ``model``, and treat samples independently. Derivatives with
            respect to samples are taken with `torch.func`.
        model: Network to change; up to a few thousand parameters.
        data: Samples, tensors of shape ``(n, ...)`` with one row per sample.
        n_steps: Largest number of steps; each computes the Jacobian once.
        memory_gib: Refuse problems estimated to need more than this.
        progress: As in `fit`.

    Returns:
        Mean squared residual at the start and after each step, shape ``(k + 1,)``. It
        never increases. ``k < n_steps`` if no step lowers it any more.

    Raises:
        ValueError: Before any step, if an argument cannot be used, or if the estimate
            of the memory exceeds ``memory_gib``.
        FloatingPointError: If the Jacobian is not finite. The parameters are then those
            after the last step.
    """
    check_count("n_steps", n_steps, least=1)
    problem = LeastSquares(residual, model, data, memory_gib)
    theta, damping = problem.start, 0.1
    history = [problem.loss(theta)]
    if not history[0].isfinite():
        raise ValueError(
            "residual must be finite at the initial parameters, but its mean square is "
            f"{history[0].item()}. Look for square roots, logarithms or divisions at "
            "zero, and for data far outside [-1, 1]."
        )
    bar = _progress_bar(n_steps, progress)
    for _ in bar:
        normal, slope = problem.linearise(theta, history[-1])
        step = damped_step(problem, theta, normal, slope, history[-1], damping)
        if step is None:
            break
        theta, loss, damping = step
        problem.write_back(theta)
        history.append(loss)
        _show(bar, loss)
    bar.close()
    return torch.stack(history)


def _trainable(parameters: Iterable[Tensor]) -> list[Tensor]:
    if isinstance(parameters, nn.Module | Tensor):
        raise ValueError(
            "parameters must be a list of tensors, found one "
            f"{type(parameters).__name__}. Try model.parameters() or [x]."
        )
    trained = [p for p in parameters if p.requires_grad]
    if not trained or not all(p.is_leaf for p in trained):
        raise ValueError(
            "At least one parameter must require a gradient, and none may be the "
            f"result of a computation; found {len(trained)} that require one. Try "
            "model.parameters(), or x.detach().requires_grad_()."
        )
    return trained


def _checked_loss(value: Tensor) -> Tensor:
    found = type(value).__name__
    if isinstance(value, Tensor):
        found = f"shape {tuple(value.shape)}, requires_grad={value.requires_grad}"
    if found != "shape (), requires_grad=True":
        raise ValueError(
            "loss() must return a scalar tensor that depends on the parameters, found "
            f"{found}. Average with .mean(), and avoid .item(), .detach() and NumPy."
        )
    return value


def _check_gradients(trained: Sequence[Tensor], i: int) -> None:
    gradients = [p.grad for p in trained if p.grad is not None]
    if not gradients:
        raise ValueError(
            "loss() must depend on the parameters, but no parameter received a "
            "gradient. Were they taken from another model?"
        )
    if not torch.stack([g.isfinite().all() for g in gradients]).all():
        raise FloatingPointError(
            f"The gradient is not finite at step {i}, although the loss is. Look for "
            "square roots, norms, logarithms or divisions at zero in the loss."
        )


@torch.no_grad()
def _copy(sources: Iterable[Tensor], targets: Iterable[Tensor]) -> None:
    for source, target in zip(sources, targets, strict=True):
        target.copy_(source)


def _progress_bar(n_steps: int, progress: bool | None) -> "tqdm[int]":
    if progress is None:
        in_jupyter = type(sys.stderr).__module__.startswith("ipykernel")
        watched = in_jupyter or (sys.stderr is not None and sys.stderr.isatty())
        progress = watched and os.environ.get("BOOK_STATIC") != "1"
    return tqdm(range(n_steps), disable=not progress, unit="step")


def _show(bar: "tqdm[int]", loss: Tensor) -> None:
    if not bar.disable:
        bar.set_postfix_str(f"loss {loss.item():.2e}", refresh=False)
