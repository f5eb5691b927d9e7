"""Independent jobs on all cores, or on the Dask cluster that SCHEDULER names."""

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from distributed import Client, LocalCluster, as_completed

RETRIES = 3  # of a job whose worker was lost


def run_jobs(
    function: Callable[..., Any], jobs: Sequence[tuple]
) -> Iterator[tuple[tuple, Any]]:
    """Yield ``(job, function(*job))`` as the jobs finish, in any order.

    A job whose worker dies is given to another one. What was yielded is the caller's:
    save it at once, and an interrupted run can go on from there.

    Args:
        function: Importable by the workers; returns what can be pickled.
        jobs: Arguments, one tuple per call.
    """
    if not jobs:
        return
    with _client(len(jobs)) as client:
        futures = client.map(
            _apply, [function] * len(jobs), jobs, pure=False, retries=RETRIES
        )
        pending = dict(zip(futures, jobs, strict=True))
        for future, result in as_completed(futures, with_results=True):
            future.release()  # else it is computed again if its worker dies later
            yield pending.pop(future), result


def _apply(function: Callable[..., Any], job: tuple) -> Any:
    return function(*job)


def _client(n_jobs: int) -> Client:
    if address := os.environ.get("SCHEDULER"):
        return Client(address)
    cluster = LocalCluster(
        n_workers=min(os.cpu_count() or 1, n_jobs),
        threads_per_worker=1,
        dashboard_address="127.0.0.1:0",  # local, any free port
        memory_limit=0,
    )
    return Client(cluster)


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file that appears complete or not at all; makes its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_bytes(data)
    os.replace(temporary, path)
