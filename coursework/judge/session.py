"""One submission in front of the judge: start a worker, run the cells, make the calls.

A worker that dies, hangs or misuses the channel is replaced; the cell or the call that
did it is skipped, and everything else still counts.
"""

import time
from dataclasses import dataclass, field

from coursework.judge import jail
from coursework.judge.channel import Worker, WorkerLost
from coursework.judge.jail import Limits
from coursework.judge.plain import NotPlain, Plain, decode, encode

MOST_WORKERS = 8  # for one submission
OURS = ("lost", "not plain")  # errors whose texts are ours, without hidden arguments


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
        self.worker: Worker | None = None
        self.n_workers = 0
        self.n_calls = 0
        self.spoiled: dict[str, Answer] = {}
        self.since = time.monotonic()

    def call(self, call: Call) -> Answer:
        """Make a call; a function that hung or ended the process is not asked again."""
        if call.function not in self.spoiled:
            answer = self.ask(call)
            if answer.error not in ("lost", "TimeoutError"):
                return answer
            self.spoiled[call.function] = answer
        return self.spoiled[call.function]

    def ask(self, call: Call) -> Answer:
        """Make a call in a worker that is ready, and read what it returns."""
        try:
            worker = self.ready_worker()
            self.n_calls += 1  # from now on, texts could hold hidden arguments
            request = {
                "function": call.function,
                "arguments": [encode(argument) for argument in call.arguments],
            }
            found = self.asked(worker, request, self.limits.call)
        except WorkerLost as lost:
            self.stop()
            return Answer(error="lost", text=str(lost))
        if "error" in found:
            name = _text(found["error"])
            name = "an exception" if name in OURS else name  # only we may say these
            return Answer(error=name, text=_text(found.get("text")))
        try:
            return Answer(value=decode(found.get("value")))
        except NotPlain as error:
            return Answer(error="not plain", text=str(error))

    def ready_worker(self) -> Worker:
        """A worker that has executed the cells."""
        while self.worker is None:
            if self.n_workers >= MOST_WORKERS:
                raise WorkerLost("it ended or hung too often")
            self.n_workers += 1
            self.worker = Worker(self.isolation, self.slot, self.limits)
            for name, source in self.cells.items():
                if name not in self.fatal and not self.run(name, source):
                    break
        return self.worker

    def run(self, name: str, source: str) -> bool:
        """Execute one cell; False if that cost the worker."""
        assert self.worker is not None
        request = {"cell": source, "name": name}
        try:
            found = self.asked(self.worker, request, self.limits.cell)
        except WorkerLost as lost:
            self.messages[name] = str(lost)
            self.fatal.add(name)
            self.stop()
            return False
        if "error" in found and not self.n_calls:
            self.messages[name] = _text(found.get("text"))
        return True

    def asked(self, worker: Worker, request: dict, seconds: float) -> dict:
        """The answer to a request that may take so much processor time.

        On the clock we wait some times as long, and a little longer than the worker's
        own alarm.
        """
        left = self.since + self.limits.total - time.monotonic()
        if left <= 0:
            raise WorkerLost("the submission used up its time")
        clock = self.limits.patience * seconds
        alarms = {"seconds": seconds, "clock": clock}
        return worker.ask(request | alarms, min(clock + 2, left))

    def stop(self) -> None:
        """End the worker, if there is one; the next call starts another."""
        if self.worker is not None:
            self.worker.stop()
            self.worker = None


def _text(value: object) -> str:
    """A text of the worker's: short, surely a text, without half surrogates."""
    found = value[:2000] if type(value) is str else ""
    return found.encode("utf-8", "replace").decode("utf-8")
