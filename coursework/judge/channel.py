"""A worker and the channel to it: lines of JSON, with deadlines and limits."""

import contextlib
import json
import os
import secrets
import selectors
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from coursework.judge import jail
from coursework.judge.jail import Limits
from coursework.judge.plain import NotPlain, parse
from coursework.judge.watch import excess


class WorkerLost(Exception):
    """The worker died, hung, or broke the rules of the channel; says which."""


class Worker:
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
