"""Rules about arguments that several modules share, each with one message."""

from numbers import Integral

from torch import Tensor


def check_count(name: str, count: object, *, least: int = 0) -> None:
    """A count is a whole number, of Python or NumPy: 2.0 and True are none."""
    whole = isinstance(count, Integral) and not isinstance(count, bool)
    if not whole or count < least:  # type: ignore[operator]
        raise ValueError(
            f"{name} must be a whole number >= {least}, got {count!r}. "
            "A float such as 2.0 becomes one with int or round."
        )


def check_even(dim: int) -> None:
    """A state (q, p) holds as many momenta as positions."""
    if dim < 2 or dim % 2:
        raise ValueError(
            f"A state (q, p) needs as many momenta as positions, but has {dim} "
            "components. Double the variables of other systems."
        )


def check_states(name: str, x: Tensor, *, shape: str = "(..., d)") -> None:
    """States are floating-point tensors with at least the axes named in ``shape``."""
    if not isinstance(x, Tensor):
        raise ValueError(f"{name} must be a tensor, got {type(x).__name__}.")
    if x.ndim < shape.count(",") or x.shape[-1] == 0 or not x.is_floating_point():
        raise ValueError(
            f"{name} must be floating-point states of shape {shape} with d >= 1, got "
            f"{x.dtype} of shape {tuple(x.shape)}. Try x.to(torch.float64), or x[None] "
            "if an axis is missing."
        )


def check_finite(name: str, x: Tensor) -> None:
    """States to start from are finite."""
    if not x.isfinite().all():
        n_bad = int((~x.isfinite()).sum())
        raise ValueError(
            f"{name} must be finite, but {n_bad} of its {x.numel()} entries are nan or "
            "inf. Look at how it was sampled or loaded."
        )


def check_like(name: str, result: object, x: Tensor) -> None:
    """Flow maps and fields return a tensor like the states that they are given."""
    if isinstance(result, Tensor) and (result.shape, result.dtype, result.device) == (
        x.shape,
        x.dtype,
        x.device,
    ):
        return
    raise ValueError(
        f"For states of {_kind(x)}, {name} must return the same, but returned "
        f"{_kind(result)}. Stack components along dim=-1, and make constants from x, "
        "with torch.zeros_like or x.new_tensor."
    )


def _kind(x: object) -> str:
    if not isinstance(x, Tensor):
        return f"no tensor but {type(x).__name__}"
    return f"shape {tuple(x.shape)} in {x.dtype} on {x.device}"
