"""The linear algebra of `lecture_utils.training.fit_least_squares`."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call, jacrev, vmap

CHUNK_BYTES = 2**23  # Jacobian rows held at once; beyond, the system maps new pages
STRIP = 192  # columns of J^T J per matrix product


class LeastSquares:
    """The mean squared residual as a function of one vector of all parameters."""

    def __init__(
        self,
        residual: Callable[..., Tensor],
        model: nn.Module,
        data: Sequence[Tensor],
        memory_gib: float,
    ):
        self.residual, self.model = residual, model
        named = model.named_parameters()
        self.parameters = {name: p for name, p in named if p.requires_grad}
        _check_parameters(self.parameters)
        self.start = nn.utils.parameters_to_vector(self.parameters.values()).detach()
        _check_data(data, self.start)
        with torch.no_grad():
            probe = self(self.start, *(rows[:2] for rows in data))
        _check_residual(probe, data, self.start)
        row_bytes = probe[0].numel() * self.start.nbytes
        n_rows = max(1, CHUNK_BYTES // row_bytes)
        _check_memory(self.start, n_rows * row_bytes, memory_gib)
        self.n_residuals = probe[0].numel() * len(data[0])
        self.chunks = list(zip(*(rows.split(n_rows) for rows in data), strict=True))

    def __call__(self, theta: Tensor, *samples: Tensor) -> Tensor:
        values = dict(zip(self.parameters, self.pieces(theta), strict=True))

        def net(*args: Tensor, **kwargs: Tensor) -> Tensor:
            return functional_call(self.model, values, args, kwargs)

        return self.residual(net, *samples)

    def pieces(self, theta: Tensor) -> list[Tensor]:
        """All parameters in the shapes of the model, from one vector ``(P,)``."""
        shaped = list(self.parameters.values())
        flat = theta.split([p.numel() for p in shaped])
        return [piece.view_as(p) for piece, p in zip(flat, shaped, strict=True)]

    @torch.no_grad()
    def write_back(self, theta: Tensor) -> None:
        """Put the parameters ``(P,)`` into the model."""
        pairs = zip(self.parameters.values(), self.pieces(theta), strict=True)
        for parameter, piece in pairs:
            parameter.copy_(piece)

    @torch.no_grad()
    def loss(self, theta: Tensor) -> Tensor:
        """Mean squared residual, shape ``(P,) -> ()``."""
        sums = [self(theta, *chunk).square().sum() for chunk in self.chunks]
        return torch.stack(sums).sum() / self.n_residuals

    @torch.no_grad()
    def linearise(self, theta: Tensor, loss: Tensor) -> tuple[Tensor, Tensor]:
        """``J^T J``, shape ``(P, P)``, and ``J^T r``, ``(P,)``, both per residual.

        ``J`` is never held as a whole: its rows are used up chunk by chunk.
        """

        def one_sample(theta: Tensor, *sample: Tensor) -> tuple[Tensor, Tensor]:
            values = self(theta, *(row.unsqueeze(0) for row in sample)).flatten()
            return values, values

        in_dims = (None,) + (0,) * len(self.chunks[0])
        slopes = vmap(jacrev(one_sample, has_aux=True), in_dims=in_dims)
        normal = theta.new_zeros(len(theta), len(theta))
        slope, same_loss = torch.zeros_like(theta), torch.zeros_like(loss)
        for chunk in self.chunks:
            jacobian, values = (part.flatten(0, 1) for part in slopes(theta, *chunk))
            _add_upper_gram(normal, jacobian)
            slope.addmv_(jacobian.mT, values)
            same_loss += values.square().sum()
        normal = normal.triu() + normal.triu(1).mT
        for total in (normal, slope, same_loss):
            total /= self.n_residuals
        _check_linearised(theta, normal, slope, loss, same_loss)
        return normal, slope


def _add_upper_gram(total: Tensor, rows: Tensor) -> None:
    """Add the upper triangle of ``rows^T rows`` to ``total``, ``(P, P)``, in place.

    Strip by strip, so that what lies well below the diagonal, nearly half of the work,
    is never computed.
    """
    for start in range(0, len(total), STRIP):
        stop = start + STRIP
        upper = total[start:stop, start:]
        upper.addmm_(rows[:, start:stop].mT, rows[:, start:])


def damped_step(
    problem: LeastSquares,
    theta: Tensor,
    normal: Tensor,
    slope: Tensor,
    loss: Tensor,
    damping: float,
) -> tuple[Tensor, Tensor, float] | None:
    """Parameters, loss and damping after a step that lowers the loss, if any does.

    Tenfold down and threefold up: on flow maps and collocation problems this ended
    2 to 4 decades below the classical 3 and 4 after as many Jacobians, because a
    rejected step costs far less than a Jacobian.
    """
    eps = torch.finfo(theta.dtype).eps
    diagonal = normal.diagonal()
    # The floor moves dead units no faster than 1e4 times the liveliest parameter.
    scale = diagonal.clamp(min=1e-4 * diagonal.max())
    while damping < 1 / eps:
        factor, failed = torch.linalg.cholesky_ex(normal + (damping * scale).diag())
        if not failed:
            move = -torch.cholesky_solve(slope.unsqueeze(-1), factor).squeeze(-1)
            if move.norm() <= eps * theta.norm():
                return None
            new_loss = problem.loss(theta + move)
            if new_loss < loss:
                return theta + move, new_loss, max(damping / 10, eps)
        damping *= 3
    return None


def _check_parameters(parameters: dict[str, nn.Parameter]) -> None:
    kinds = {(p.dtype, p.device) for p in parameters.values()}
    if len(kinds) != 1 or not all(p.is_floating_point() for p in parameters.values()):
        raise ValueError(
            "model must have parameters that require a gradient, all of one dtype on "
            f"one device; found {sorted(map(str, kinds)) or 'none'}. Try "
            "model.requires_grad_() and model.to(torch.float64)."
        )


def _check_data(data: Sequence[Tensor], start: Tensor) -> None:
    if isinstance(data, Tensor) or not data or any(x.ndim == 0 for x in data):
        raise ValueError(
            "data must be a tuple of tensors with one row per sample. For one tensor "
            "x write (x,)."
        )
    lengths = [len(x) for x in data]
    if len(set(lengths)) > 1 or lengths[0] == 0:
        raise ValueError(
            "All tensors of data must have the same number of rows, and at least one; "
            f"found {lengths}."
        )
    for i, x in enumerate(data):
        if not x.isfinite().all():
            n_bad = int((~x.isfinite()).sum())
            raise ValueError(
                f"data must be finite, but data[{i}] has {n_bad} values that are nan "
                "or inf. Remove those samples."
            )
        if x.device != start.device or x.is_floating_point() and x.dtype != start.dtype:
            raise ValueError(
                f"data must have the dtype and device of the parameters, {start.dtype} "
                f"on {start.device}, but data[{i}] is {x.dtype} on {x.device}. Try "
                "x.to(next(model.parameters()))."
            )


def _check_residual(probe: Tensor, data: Sequence[Tensor], start: Tensor) -> None:
    n = min(2, len(data[0]))
    found = f"{tuple(probe.shape)} of {probe.dtype}"
    if probe.shape[:1] != (n,) or probe.numel() == 0 or probe.dtype != start.dtype:
        raise ValueError(
            f"residual must return a tensor of shape (n, ...) and {start.dtype}: for "
            f"{n} samples it returned {found}. Return the residuals of each sample, "
            "neither squared nor averaged."
        )


def _check_memory(start: Tensor, chunk_bytes: int, memory_gib: float) -> None:
    # J^T J, its damped copy, its Cholesky factor and a temporary; the rows of J, and
    # what reverse mode keeps to compute them.
    needed = (4 * len(start) * start.nbytes + 4 * chunk_bytes) / 2**30
    if needed > memory_gib:
        raise ValueError(
            f"Levenberg-Marquardt for {len(start)} parameters needs about "
            f"{needed:.1f} GiB, more than memory_gib={memory_gib:g}. Try a narrower "
            "network, or `fit`, whose memory grows in proportion to the parameters."
        )


def _check_linearised(
    theta: Tensor, normal: Tensor, slope: Tensor, loss: Tensor, same_loss: Tensor
) -> None:
    if not slope.isfinite().all():
        raise FloatingPointError(
            "The Jacobian is not finite. Look for square roots, norms, logarithms or "
            "divisions at zero in residual, and for averages over samples."
        )
    if loss > 0 and not normal.any():
        raise ValueError(
            "residual must depend on the parameters, but its Jacobian is zero. Does it "
            "call its first argument, and not the model itself?"
        )
    eps = torch.finfo(theta.dtype).eps
    rounding = 100 * eps * (normal.diagonal().sqrt() @ theta.abs())
    gap = (loss.sqrt() - same_loss.sqrt()).abs()
    if gap > eps**0.5 * loss.sqrt() + rounding:
        raise ValueError(
            "residual must treat samples independently, but one by one their mean "
            f"square is {same_loss:.6g} and together it is {loss:.6g}. Look for "
            "averages or norms over samples."
        )
