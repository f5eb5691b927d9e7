"""``python -m reproductions.onsager [--systems ...] [--score]``."""

import argparse

import torch

from reproductions.onsager.problems import KINDS
from reproductions.onsager.scoring import (
    RESULTS,
    provenance,
    read_records,
    score_pendulum,
    write_records,
)
from reproductions.onsager.training import (
    EPOCHS,
    LM_SECONDS,
    RATES,
    SEEDS,
    TRIAL_EPOCHS,
    TUNING_SEED,
    Job,
    load_field,
    pack,
    run,
    unseen_error,
)

STEPS_PER_EPOCH = 50


def choose(name: str) -> tuple[dict[str, float], list[dict]]:
    """The best step size of three for every kind, and the records of the trials."""
    amount = STEPS_PER_EPOCH * TRIAL_EPOCHS[name]
    jobs: list[Job] = [
        (name, kind, "epochs", (rate, amount), TUNING_SEED)
        for kind in KINDS[name]
        for rate in RATES
    ]
    done, best = run(jobs), {}
    for job, record in done.items():
        if job[1] not in best or record["validation"] < best[job[1]]["validation"]:
            best[job[1]] = record
    records = [row(job, "trial", record) for job, record in done.items()]
    for record in records:
        del record["mse"]  # a trial is none of the test set's business
    return {kind: record["rate"] for kind, record in best.items()}, records


def row(job: Job, role: str, record: dict) -> dict:
    """What is known about one training."""
    name, kind, mode, _, seed = job
    about = {"system": name, "kind": kind, "mode": mode, "role": role, "seed": seed}
    return about | record | provenance()


def reproduce(name: str) -> list[dict]:
    """Choose, train three seeds in two ways, ship; returns the records."""
    rates, records = choose(name)
    amount = STEPS_PER_EPOCH * EPOCHS[name]
    jobs = jobs_of(name, "epochs", rates, amount)
    jobs += jobs_of(name, "lm", dict.fromkeys(rates, 0.0), LM_SECONDS[name])
    done = run(jobs)
    pack(name, jobs)
    for job in jobs:
        if job[:2] == ("pendulum", "onsager"):
            done[job] |= score_pendulum(load_field(name, job[1], job[2], job[4]))
    return records + [row(job, "score", done[job]) for job in jobs]


def jobs_of(name: str, mode: str, rates: dict[str, float], amount: float) -> list[Job]:
    """One job for every kind that is trained in this way, and every seed."""
    return [
        (name, kind, mode, (rates[kind], amount), seed)
        for kind in KINDS[name]
        for seed in SEEDS
    ]


def score_again(records: list[dict]) -> None:
    """Measure the errors of the shipped fields anew; all else stays as it is."""
    for record in records:
        if record["role"] == "score":
            about = (record[key] for key in ("system", "kind", "mode", "seed"))
            field = load_field(*about)
            record["mse"] = unseen_error(record["system"], field)


def main() -> None:
    """Train what is missing, and record."""
    parser = argparse.ArgumentParser(prog="python -m reproductions.onsager")
    parser.add_argument("--systems", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--score", action="store_true", help="the shipped fields only")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.score:
        records = read_records()
        score_again([r for r in records if r["system"] in options.systems])
        write_records(records)
        return
    for name in options.systems:
        old = read_records() if RESULTS.exists() else []
        kept = [record for record in old if record["system"] != name]
        write_records(kept + reproduce(name))


if __name__ == "__main__":
    main()
