"""Runs inside the jail: executes a student's cells and calls their functions.

Nothing in this process is trusted by the one that started it. It receives requests as
lines of JSON and answers with lines of JSON; it knows neither solutions nor expected
values, and the arguments of a call arrive only when it is made.

usage: worker.py FOLDER_OF_LECTURE_UTILS BYTES_OF_MEMORY (0: already limited)
"""

import ast
import builtins
import json
import math
import os
import re
import signal
import sys
import traceback
from typing import Any

sys.path.insert(0, sys.argv[1])

import numpy as np  # noqa: E402
import torch  # noqa: E402

LONGEST_TEXT = 2000
LARGEST_ARRAY = 200_000
WHOLE = (torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)


def main() -> None:
    """Answer requests until the other side closes the channel."""
    answers = os.fdopen(os.dup(1), "w", encoding="ascii")
    requests = os.fdopen(os.dup(0), encoding="ascii")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):  # what students print goes nowhere
        os.dup2(nowhere, descriptor)
    limit_resources(int(sys.argv[2]))
    torch.set_num_threads(1)
    names: dict[str, object] = {"__name__": "__main__"}
    send(answers, {"ready": True})
    for line in requests:
        request = json.loads(line)
        answer = run_cell if "cell" in request else call_function
        send(answers, {"id": request["id"], **answer(names, request)})


def limit_resources(memory: int) -> None:
    """Where there is no jail: the limits this system knows."""
    if not memory or os.name == "nt":
        return
    import resource

    for kind, most in ((resource.RLIMIT_AS, memory), (resource.RLIMIT_FSIZE, 2**25)):
        resource.setrlimit(kind, (most, most))


def send(answers, answer: dict) -> None:
    """Write one line."""
    answers.write(json.dumps(answer) + "\n")
    answers.flush()


def run_cell(names: dict[str, object], request: dict) -> dict:
    """Execute one cell, in the namespace that all cells share."""
    with_alarm(request["seconds"], request["clock"])
    try:
        code = compile(runnable(request["cell"]), request["name"], "exec")
        exec(code, names)
    except BaseException as error:  # SystemExit and KeyboardInterrupt too
        return {"error": type(error).__name__, "text": described(error)}
    finally:
        with_alarm(0, 0)
    return {"ok": True}


def runnable(source: str) -> str:
    """The cell without the lines that only IPython understands."""
    try:
        ast.parse(source)
        return source
    except SyntaxError:
        if source.lstrip().startswith("%%"):
            return ""
        plain = re.sub(r"(?m)^(\s*)[%!].*$", r"\1pass", source)
        return re.sub(r"(?m)^(\s*)(?:\?+\S+|[\w.]+\?+)\s*$", r"\1pass", plain)


def call_function(names: dict[str, object], request: dict) -> dict:
    """Call a student's function and turn what it returns into numbers."""
    with_alarm(request["seconds"], request["clock"])
    try:
        function = names.get(request["function"])
        if not callable(function):
            return {"error": "missing"}
        arguments = [decoded(argument) for argument in request["arguments"]]
        return {"value": encoded(function(*arguments))}
    except BaseException as error:
        return {"error": type(error).__name__, "text": described(error)}
    finally:
        with_alarm(0, 0)


def with_alarm(seconds: float, clock: float) -> None:
    """Raise TimeoutError after so many seconds of work, or on the clock.

    On a busy machine an honest answer waits long for the processor. The other side
    kills whoever ignores the alarm.
    """
    if hasattr(signal, "setitimer"):
        for number in (signal.SIGPROF, signal.SIGALRM):
            signal.signal(number, too_late)
        signal.setitimer(signal.ITIMER_PROF, seconds)
        signal.setitimer(signal.ITIMER_REAL, clock)


def too_late(number: int, frame: object) -> None:
    """The handler of the alarm."""
    raise TimeoutError("this took too long")


def described(error: BaseException) -> str:
    """The traceback of an error, without our own frames."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename != __file__]
    lines = [f"{frame.filename}, line {frame.lineno}" for frame in own[-6:]]
    if isinstance(error, SyntaxError):
        lines = [f"{error.filename}, line {error.lineno}"]
    return "\n".join([*lines, f"{type(error).__name__}: {error}"])[:LONGEST_TEXT]


# ---- arguments and results


def decoded(argument: Any) -> object:
    """An argument of a call, from JSON."""
    if not isinstance(argument, dict):
        return argument
    if "array" in argument:
        return torch.tensor(argument["array"], dtype=getattr(torch, argument["dtype"]))
    if "code" in argument:
        return eval(argument["code"], {"torch": torch, "math": math, "np": np})
    if "list" in argument:
        return [decoded(part) for part in argument["list"]]
    return {decoded(key): decoded(value) for key, value in argument["dict"]}


def encoded(value: Any) -> object:
    """A result for JSON: a number, an array, or a list of such.

    Raises:
        TypeError: If it is anything else.
    """
    kind = type(value)
    if kind in (bool, int, float):
        return value
    if kind in (list, tuple):
        return {"list": [encoded(part) for part in value]}
    if isinstance(value, torch.Tensor):
        value = torch.Tensor.detach(value).cpu()
        if value.numel() > LARGEST_ARRAY:
            raise TypeError("return fewer numbers")
        if not (value.is_floating_point() or value.dtype in WHOLE):
            raise TypeError(f"return real numbers, not {value.dtype}")
        flat = value.reshape(-1).tolist()
        return {"shape": list(value.shape), "array": flat}
    if kind is np.ndarray or isinstance(value, np.generic):
        if value.dtype.kind not in "buif":
            raise TypeError(f"return real numbers, not {value.dtype}")
        if value.size > LARGEST_ARRAY:
            raise TypeError("return fewer numbers")
        flat = np.asarray(value).reshape(-1).tolist()
        return {"shape": list(np.shape(value)), "array": flat}
    if value is None:
        raise TypeError("nothing came back: does the function end with return?")
    raise TypeError(f"return numbers or arrays, not {kind.__name__}")


if __name__ == "__main__":
    builtins.exit = builtins.quit = sys.exit
    main()
