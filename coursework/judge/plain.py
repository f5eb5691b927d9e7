"""What goes over the channel, seen from the trusted side.

Arguments are written as JSON. Answers are read as JSON and accepted only if they are
built of numbers: whatever the other process did to operators, types or libraries, what
arrives here are Python's own floats.
"""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch

LARGEST_ANSWER = 200_000  # numbers
Plain = float | np.ndarray | list  # a number, an array, or a list of such


class NotPlain(ValueError):
    """The answer is not built of finite real numbers."""


@dataclass(frozen=True)
class Code:
    """A function handed to students' functions, as the source of an expression.

    It may use ``torch``, ``math`` and ``np``. Calling it calls the function.
    """

    source: str

    def __call__(self, *arguments: object) -> object:
        return _function(self.source)(*arguments)


@lru_cache
def _function(source: str) -> Callable[..., object]:
    """The function of an expression of ours, parsed once."""
    return eval(source, {"torch": torch, "math": math, "np": np})


def encode(argument: object) -> object:
    """An argument for JSON.

    Raises:
        TypeError: If it is no number, text, tensor, code, or list or dict of such.
    """
    if isinstance(argument, bool | int | float | str):
        return argument
    if isinstance(argument, torch.Tensor):
        dtype = str(argument.dtype).removeprefix("torch.")
        return {"array": argument.tolist(), "dtype": dtype}
    if isinstance(argument, Code):
        return {"code": argument.source}
    if isinstance(argument, list | tuple):
        return {"list": [encode(part) for part in argument]}
    if isinstance(argument, dict):
        return {"dict": [[encode(k), encode(v)] for k, v in argument.items()]}
    raise TypeError(f"cannot be sent: {type(argument).__name__}")


def parse(line: bytes) -> dict:
    """One line of the channel.

    Raises:
        NotPlain: If it is no JSON object.
    """
    try:
        found = json.loads(line.decode("ascii"))
    except (ValueError, RecursionError) as error:
        raise NotPlain("the answer was not readable") from error
    if type(found) is not dict:
        raise NotPlain("the answer was not readable")
    return found


def decode(value: object, depth: int = 0) -> Plain:
    """The numbers of an answer.

    Raises:
        NotPlain: If it holds anything but finite real numbers, or too many of them.
    """
    if type(value) in (bool, int, float):
        return _number(value)
    if type(value) is dict and set(value) == {"list"} and depth < 4:
        parts = value["list"]
        if type(parts) is list and len(parts) <= 1000:
            return [decode(part, depth + 1) for part in parts]
    if type(value) is dict and set(value) == {"shape", "array"}:
        return _array(value["shape"], value["array"])
    raise NotPlain("return a number or an array of numbers")


def _number(value: object) -> float:
    if type(value) is int and abs(value) > 2**63:
        raise NotPlain("a number is too large")
    number = float(value)  # type: ignore[arg-type]
    if not math.isfinite(number):
        raise NotPlain("nan or inf came back")
    return number


def _array(shape: object, flat: object) -> np.ndarray:
    is_shape = type(shape) is list and all(type(n) is int and n >= 0 for n in shape)
    if not is_shape or len(shape) > 6 or type(flat) is not list:  # type: ignore
        raise NotPlain("the answer was not readable")
    if len(flat) > LARGEST_ANSWER or math.prod(shape) != len(flat):  # type: ignore
        raise NotPlain("the array is too large, or not of the shape it states")
    if not all(type(entry) in (bool, int, float) for entry in flat):
        raise NotPlain("an entry of the array is no number")
    numbers = [_number(entry) for entry in flat]
    try:
        return np.array(numbers, dtype=np.float64).reshape(shape)  # type: ignore
    except (ValueError, OverflowError) as error:  # no numbers, but a huge axis
        raise NotPlain("the array has an axis that is too long") from error
