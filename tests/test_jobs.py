"""Jobs survive the death of a worker."""

import os
import signal
import time

from distributed import Client, LocalCluster

from reproductions.jobs import run_jobs, write_atomically


def die_once(i, folder):
    """The first worker that gets job 2 is killed in the middle of it."""
    mark = folder / "killed"
    if i == 2 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.05)
    return i * i


def test_no_job_is_lost_when_a_worker_is_killed(tmp_path, monkeypatch):
    with (
        LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            dashboard_address="127.0.0.1:0",
            memory_limit=0,
        ) as cluster,
        Client(cluster),
    ):
        monkeypatch.setenv("SCHEDULER", cluster.scheduler_address)
        jobs = [(i, tmp_path) for i in range(6)]
        results = {job[0]: result for job, result in run_jobs(die_once, jobs)}
    assert (tmp_path / "killed").exists()
    assert results == {i: i * i for i in range(6)}


def count_and_die_last(i, folder):
    """Leave a mark for every computation; the last job kills its worker, once."""
    (folder / f"{i}-{time.monotonic_ns()}").touch()
    if i == 5 and not (folder / "killed").exists():
        time.sleep(1)  # until the results of the others are out
        (folder / "killed").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return i


def test_a_result_that_is_out_is_not_computed_again(tmp_path, monkeypatch):
    with (
        LocalCluster(
            n_workers=1,
            threads_per_worker=1,
            dashboard_address="127.0.0.1:0",
            memory_limit=0,
        ) as cluster,
        Client(cluster),
    ):
        monkeypatch.setenv("SCHEDULER", cluster.scheduler_address)
        jobs = [(i, tmp_path) for i in range(6)]
        found = sorted(result for _, result in run_jobs(count_and_die_last, jobs))
    assert found == list(range(6)) and (tmp_path / "killed").exists()
    for i in range(5):
        assert len(list(tmp_path.glob(f"{i}-*"))) == 1


def test_no_jobs_need_no_cluster():
    assert list(run_jobs(die_once, [])) == []


def test_a_file_is_replaced_as_a_whole(tmp_path):
    path = tmp_path / "deep" / "file.json"
    write_atomically(path, b"old")
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    assert [p.name for p in path.parent.iterdir()] == ["file.json"]
