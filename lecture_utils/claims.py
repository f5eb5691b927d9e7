"""Numbers the text quotes, recorded by the code that measured them.

A chapter that says *the residual network reaches 0.987* writes the number as
``0.987<!-- claim: residual-accuracy -->`` and calls
``claim("residual-accuracy", accuracy, within=0.01)``. The comment is invisible in
Jupyter, on the page and in print; the tests compare the two numbers. Seconds are
never claims: they depend on the machine, which the build describes by itself.
"""

import json
import numbers
import os
import re
import sys
from typing import Any

from torch import Tensor

LARGEST = sys.float_info.max


def claim(
    name: str,
    value: float | Tensor,
    *,
    within: float | None = None,
    factor: float | None = None,
) -> None:
    """Record a measured number that the text quotes; a learner sees nothing of it.

    One JSON line is appended to the file named by the environment variable
    ``BOOK_CLAIMS``. Where it is not set, the arguments are checked and that is all.
    With neither ``within`` nor ``factor`` the number is deterministic: every machine
    must agree with the text to half a unit of the last digit shown.

    Args:
        name: Lowercase words joined by hyphens, unique in the chapter.
        value: Finite real number; also a NumPy scalar or a tensor of shape ``()``.
        within: How far the value may lie from the text on another machine, added
            to the rounding of the text. For trained networks.
        factor: The same as a ratio, for numbers of which only the magnitude is
            reproducible: ``factor=10`` lets 2e-13 in the text stand for 2e-14 to
            2e-12.

    Raises:
        ValueError: If the name, the value or the tolerance is not of this form.
    """
    record = {
        "name": _checked_name(name),
        "value": _finite("value", value),
        "within": None if within is None else _finite("within", within),
        "factor": None if factor is None else _finite("factor", factor),
    }
    _check_tolerance(record["value"], record["within"], record["factor"])
    path = os.environ.get("BOOK_CLAIMS")
    if path:
        with open(path, "a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")


def _checked_name(name: str) -> str:
    if not isinstance(name, str) or not re.fullmatch(
        r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name
    ):
        raise ValueError(
            "The name of a claim must be lowercase words joined by hyphens, "
            f"but it is {name!r}. Try a name such as 'residual-accuracy'."
        )
    return name


def _finite(role: str, value: object) -> float:
    number: Any = value
    if hasattr(value, "dtype"):
        # tensors and NumPy scalars; anything with axes is not one number
        shape = tuple(getattr(value, "shape", ()))
        number = f"an array of shape {shape}" if shape else number.item()
    is_real = issubclass(type(number), numbers.Real) and type(number) is not bool
    if not is_real or not -LARGEST <= number <= LARGEST:
        raise ValueError(
            f"The {role} of a claim must be one finite real number, "
            f"but it is {number!r}. "
            "Reduce arrays first, for example with .median(), and look for the "
            "cause of a NaN or infinity before quoting it."
        )
    return float(number)


def _check_tolerance(value: float, within: float | None, factor: float | None) -> None:
    if within is not None and factor is not None:
        raise ValueError(
            "A claim has one tolerance, but within and factor are both given. "
            "Keep factor for numbers known only in magnitude, within for the others."
        )
    if within is not None and within <= 0:
        raise ValueError(
            f"within must be positive, but it is {within}. "
            "Leave it out where every machine gives the same digits."
        )
    if factor is not None and (factor <= 1 or value == 0):
        raise ValueError(
            "factor must be larger than 1 and the value must not be 0, but they are "
            f"factor={factor} and value={value}. Use within for a value near 0."
        )
