"""How to start a process that sees nothing but Python, the book's package and ``/tmp``.

Three strengths, the best one this machine allows:

- ``full``: the caller is root on Linux. New mount, network, process and IPC spaces,
  a file system of its own, and another user without any privilege.
- ``namespaces``: Linux, not root, but user namespaces are allowed. The same, except
  that the process belongs to the caller's user (who is invisible to it).
- ``weak``: anything else. Limits on time, and where the system has them on memory and
  file size, but the code **can read what the caller can read**, and use the network.
"""

import functools
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
PACKAGE = HERE.parents[1] / "lecture_utils"
FIRST_USER = 61_000  # of no one; every slot of the judge has a user of its own
WORKER = "/opt/judge"  # in the jail
BOOK = "/opt/book"

NOTES = {
    "full": "isolation: full (own user, file system and processes, no network)",
    "namespaces": (
        "isolation: namespaces (own file system and processes, no network; the code "
        "runs under your user, who owns nothing it can see). Stronger: run as root"
    ),
    "weak": (
        "WEAKER ISOLATION: this system has no Linux namespaces for us. Student code "
        "can read your files, the solutions included, and use the network. For "
        "graded work use Linux, a Linux container started with --privileged, or WSL 2"
    ),
}


@dataclass(frozen=True)
class Limits:
    """What one submission may use."""

    memory: int = 2 * 1024**3  # bytes of address space, each process
    resident: int = 3 * 1024**3  # bytes in memory, all processes together
    processes: int = 40  # and threads
    disk: int = 64  # MiB in /tmp
    start: float = 60.0  # s, until Python is ready
    cell: float = 20.0  # s of processor time, each cell of the notebook
    call: float = 10.0  # s of processor time, each call of a student's function
    patience: float = 3.0  # times as many seconds on the clock: the machine may be busy
    total: float = 300.0  # s on the clock, the whole submission
    answer: int = 4 * 1024**2  # bytes, each answer


@functools.cache
def isolation() -> str:
    """The best strength available here: full, namespaces or weak."""
    tools = ("unshare", "setpriv", "prlimit", "pivot_root", "mount", "sh")
    if sys.platform != "linux" or not all(_which(tool) for tool in tools):
        return "weak"
    for strength in ("full", "namespaces"):
        if strength == "full" and os.geteuid() != 0:
            continue
        with tempfile.TemporaryDirectory() as root:
            command = _jailed(strength, Path(root), 0, Limits(), ["/usr/bin/env"])
            found = subprocess.run(command, capture_output=True, env=_environment())
            if b"HOME=/tmp" in found.stdout:
                return strength
    return "weak"


def command(strength: str, root: Path, slot: int, limits: Limits) -> list[str]:
    """The command line of a worker.

    Args:
        strength: What `isolation` returned.
        root: An empty folder: the place of the jail, or the working directory.
        slot: Which of the workers that run at the same time.
        limits: What the worker may use.
    """
    if strength == "weak":
        worker = str(HERE / "inside" / "worker.py")
        return [sys.executable, "-I", worker, str(PACKAGE.parent), str(limits.memory)]
    inside = [sys.executable, "-I", f"{WORKER}/worker.py", BOOK, "0"]
    return _jailed(strength, root, slot, limits, inside)


def _jailed(
    strength: str, root: Path, slot: int, limits: Limits, inside: list[str]
) -> list[str]:
    unshare = ["unshare", "--mount", "--net", "--pid", "--ipc", "--uts", "--fork"]
    if strength == "namespaces":
        unshare += ["--user", "--map-root-user"]
    user = str(FIRST_USER + slot) if strength == "full" else "-"
    sizes = [limits.disk, limits.memory, limits.processes, int(limits.total)]
    prefixes = {sys.prefix, sys.base_prefix, str(Path(sys.executable).parents[1])}
    prefixes |= {os.path.realpath(prefix) for prefix in prefixes}
    shown = [f"{p}={p}" for p in sorted(prefixes) if not p.startswith("/usr")]
    shown += [f"{PACKAGE}={BOOK}/lecture_utils", f"{HERE / 'inside'}={WORKER}"]
    return [
        *(*unshare, "--kill-child", "sh", str(HERE / "jail.sh"), str(root), user),
        *(*map(str, sizes), *shown, "--", *inside),
    ]


def _which(tool: str) -> str | None:
    return shutil.which(tool, path=_environment()["PATH"])


def _environment() -> dict[str, str]:
    """The environment of the worker: nothing of the caller's."""
    return {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "OMP_NUM_THREADS": "1",
        "MPLBACKEND": "Agg",
        "LANG": "C.UTF-8",
    }


def environment() -> dict[str, str]:
    """The environment that a worker starts with; on Windows it needs a little more."""
    kept = {k: os.environ[k] for k in ("SYSTEMROOT", "TEMP", "TMP") if k in os.environ}
    return _environment() | kept
