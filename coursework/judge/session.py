"""One submission in front of the judge: start a worker, run the cells, make the calls.

A worker that dies, hangs or misuses the channel is replaced; the cell or the call that
did it is skipped, and everything else still counts.
"""

import contextlib
import json
import os
import secrets
import selectors
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from coursework.judge import jail
from coursework.judge.jail import Limits
from coursework.judge.plain import NotPlain, Plain, decode, encode, parse
from coursework.judge.watch import excess

MOST_WORKERS = 8  # for one submission


class WorkerLost(Exception):
    """The worker died, hung, or broke the rules of the channel; says which."""


@dataclass(frozen=True)
class Call:
    """One call of a student's function."""

    function: str
    arguments: tuple


@dataclass(frozen=True)
class Answer:
    """What came back: numbers, or the reason why not."""

    value: Plain | None = None
    error: str = ""  # name of the exception, "missing", "lost" or "not plain"
    text: str = ""  # for the student: only of calls whose arguments are public


@dataclass
class Judged:
    """All that a submission produced."""

    cells: dict[str, str] = field(default_factory=dict)  # {name: what went wrong}
    answers: list[Answer] = field(default_factory=list)  # one per call
    seconds: float = 0.0
    isolation: str = ""


def judge(
    cells: dict[str, str],
    calls: list[Call],
    *,
    slot: int = 0,
    limits: Limits | None = None,
    isolation: str = "",
) -> Judged:
    """Execute the cells of a notebook, then make the calls, in a jail.

    Args:
        cells: Source of each cell by the name to use in messages, in order.
        calls: What to call, in order; calls with public arguments first, since their
            error texts may be shown to students.
        slot: Which of the judges that run at the same time.
        limits: What the submission may use.
        isolation: As returned by ``jail.isolation()``, which is the default.
    """
    isolation = isolation or jail.isolation()
    session = _Session(cells, slot, limits or Limits(), isolation)
    try:
        answers = [session.call(call) for call in calls]
    finally:
        session.stop()
    seconds = time.monotonic() - session.since
    return Judged(session.messages, answers, seconds, isolation)


class _Session:
    def __init__(
        self, cells: dict[str, str], slot: int, limits: Limits, isolation: str
    ):
        self.cells, self.slot, self.limits = cells, slot, limits
        self.isolation = isolation
        self.messages: dict[str, str] = {}
        self.fatal: set[str] = set()  # cells that cost a worker
        self.worker: _Worker | None = None
        self.n_workers = 0
        self.n_calls = 0
        self.since = time.monotonic()

    def call(self, call: Call) -> Answer:
        try:
            worker = self.ready_worker()
            self.n_calls += 1  # from now on, texts could hold hidden arguments
            request = {
                "function": call.function,
                "arguments": [encode(argument) for argument in call.arguments],
                "seconds": self.limits.call,
            }
            found = worker.ask(request, self.left(self.limits.call))
        except WorkerLost as lost:
            self.stop()
            return Answer(error="lost", text=str(lost))
        if "error" in found:
            return Answer(error=_text(found["error"]), text=_text(found.get("text")))
        try:
            return Answer(value=decode(found.get("value")))
        except NotPlain as error:
            return Answer(error="not plain", text=str(error))

    def ready_worker(self) -> "_Worker":
        """A worker that has executed the cells."""
        while self.worker is None:
            if self.n_workers >= MOST_WORKERS:
                raise WorkerLost("it ended or hung too often")
            self.n_workers += 1
            self.worker = _Worker(self.isolation, self.slot, self.limits)
            for name, source in self.cells.items():
                if name not in self.fatal and not self.run(name, source):
                    break
        return self.worker

    def run(self, name: str, source: str) -> bool:
        """Execute one cell; False if that cost the worker."""
        assert self.worker is not None
        request = {"cell": source, "name": name, "seconds": self.limits.cell}
        try:
            found = self.worker.ask(request, self.left(self.limits.cell))
        except WorkerLost as lost:
            self.messages[name] = str(lost)
            self.fatal.add(name)
            self.stop()
            return False
        if "error" in found and not self.n_calls:
            self.messages[name] = _text(found.get("text"))
        return True

    def left(self, seconds: float) -> float:
        """Seconds until we stop waiting: a little longer than the worker's alarm."""
        total = self.since + self.limits.total - time.monotonic()
        if total <= 0:
            raise WorkerLost("the submission used up its time")
        return min(seconds + 2, total)

    def stop(self) -> None:
        if self.worker is not None:
            self.worker.stop()
            self.worker = None


class _Worker:
    """A process in a jail, and the channel to it."""

    def __init__(self, isolation: str, slot: int, limits: Limits):
        self.folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self.limits, self.buffer = limits, b""
        self.process = subprocess.Popen(
            jail.command(isolation, Path(self.folder.name), slot, limits),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=jail.environment(),
            cwd=self.folder.name,
            start_new_session=True,
        )
        try:
            self.read(limits.start)
        except WorkerLost as lost:
            assert self.process.stderr is not None
            self.end()
            said = os.read(self.process.stderr.fileno(), 2000).decode(errors="replace")
            self.stop()
            raise RuntimeError(f"The judge could not start: {lost}. {said}") from lost

    def ask(self, request: dict, seconds: float) -> dict:
        """Send a request, wait for its answer.

        Raises:
            WorkerLost: If none comes in time, or what comes is no answer to this.
        """
        token = secrets.token_hex(8)
        line = json.dumps({"id": token, **request}) + "\n"
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(line.encode("ascii"))
            self.process.stdin.flush()
        except (BrokenPipeError, OSError) as error:
            raise WorkerLost("it ended the process or closed the channel") from error
        found = self.read(seconds)
        if found.get("id") != token:
            raise WorkerLost("it wrote to the channel of the judge")
        return found

    def read(self, seconds: float) -> dict:
        """The next line of the channel."""
        assert self.process.stdout is not None
        deadline = time.monotonic() + seconds
        channel = self.process.stdout.fileno()
        with selectors.DefaultSelector() as selector:
            selector.register(channel, selectors.EVENT_READ)
            while b"\n" not in self.buffer:
                if len(self.buffer) > self.limits.answer:
                    raise WorkerLost("its answer was too large")
                if time.monotonic() > deadline:
                    raise WorkerLost("it took too long")
                if problem := excess(self.process.pid, self.limits):
                    raise WorkerLost(problem)
                if selector.select(timeout=0.25):
                    part = os.read(channel, 65536)
                    if not part:
                        raise WorkerLost("it ended the process or closed the channel")
                    self.buffer += part
        line, _, self.buffer = self.buffer.partition(b"\n")
        try:
            return parse(line)
        except NotPlain as error:
            raise WorkerLost("it wrote to the channel of the judge") from error

    def end(self) -> None:
        """Kill the worker; in a jail, everything it started ends with it."""
        if os.name == "nt":
            self.process.kill()
        else:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        """End the worker, close its pipes, remove its folder."""
        self.end()
        process = self.process
        for pipe in (process.stdin, process.stdout, process.stderr):
            assert pipe is not None
            with contextlib.suppress(OSError):  # unwritten bytes have no reader now
                pipe.close()
        self.folder.cleanup()


def _text(value: object) -> str:
    """A text of the worker's: short, and surely a text."""
    return value[:2000] if type(value) is str else ""
