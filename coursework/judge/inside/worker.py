"""Runs inside the jail: executes a student's cells and calls their functions.

Nothing in this process is trusted by the one that started it. It receives requests as
lines of JSON and answers with lines of JSON; it knows neither solutions nor expected
values, and the arguments of a call arrive only when it is made.

usage: worker.py FOLDER_OF_LECTURE_UTILS BYTES_OF_MEMORY (0: already limited)
"""

import ast
import builtins
import inspect
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
    names: dict[str, object] = {"__name__": "__main__", **jupyter()}
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
    try:
        line = json.dumps(answer)
    except (TypeError, ValueError):
        wrong = {"error": "TypeError", "text": "return a number or an array of numbers"}
        line = json.dumps({"id": answer["id"], **wrong})
    answers.write(line + "\n")
    answers.flush()


def jupyter() -> dict[str, object]:
    """What a notebook has without an import; here it shows and does nothing."""

    class Shell:
        def __getattr__(self, name):
            return lambda *arguments, **settings: None

    return {"display": lambda *objects, **settings: None, "get_ipython": Shell}


def run_cell(names: dict[str, object], request: dict) -> dict:
    """Execute one cell, in the namespace that all cells share."""
    with_alarm(request["seconds"], request["clock"])
    try:
        source, flags = runnable(request["cell"]), ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        waiting = eval(compile(source, request["name"], "exec", flags), names)
        if inspect.iscoroutine(waiting):  # the cell holds an await
            import asyncio

            asyncio.run(waiting)
    except BaseException as error:  # SystemExit and KeyboardInterrupt too
        return {"error": type(error).__name__, "text": described(error)}
    finally:
        with_alarm(0, 0)
    return {"ok": True}


def runnable(source: str) -> str:
    """The cell without what only IPython understands; lines keep their numbers.

    Raises:
        NotRun: If a magic of the whole cell makes it something else than Python.
    """
    magic = re.match(r"\s*%%(\w*).*", source)
    if magic:
        if magic[1] not in ("time", "timeit", "capture", "prun"):
            raise NotRun(f"the grader does not run cells that begin with %%{magic[1]}")
        source = "\n" * magic[0].count("\n") + source[magic.end() :]
    try:
        ast.parse(source)
        return source
    except SyntaxError:
        changes = (
            (r"^([ \t]*)%(?:time|timeit)[ \t]+(?!-)", r"\1"),
            (r"^([ \t]*[\w, \t]+=[ \t]*)[%!].*$", r"\1[]"),  # files = !ls
            (r"^([ \t]*)[%!].*$", r"\1pass"),
            (r"^([ \t]*)(?:\?+\S+|[\w.]+\?+)[ \t]*$", r"\1pass"),
        )
        for pattern, plain in changes:
            source = re.sub(pattern, plain, source, flags=re.MULTILINE)
        return source


class NotRun(Exception):
    """A cell that is no Python."""


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
        if value.dtype.kind == "f":  # Python knows no longer numbers than these
            value = np.asarray(value, dtype=np.float64)
        flat = np.asarray(value).reshape(-1).tolist()
        return {"shape": list(np.shape(value)), "array": flat}
    if value is None:
        raise TypeError("nothing came back: does the function end with return?")
    raise TypeError(f"return numbers or arrays, not {kind.__name__}")


if __name__ == "__main__":
    builtins.exit = builtins.quit = sys.exit
    main()
