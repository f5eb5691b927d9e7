"""Training anew: in a copy, without what is shipped, and compared record by record."""

import functools
import json
import subprocess
import sys

import pytest

from tools import reproduce
from tools.setup import ROOT


@pytest.fixture
def sources(tmp_path):
    """A project of two packages with one shipped number and one shipped network."""
    root = tmp_path / "project"
    for folder in ("lecture_utils", "reproductions/results", "reproductions/weights"):
        (root / folder).mkdir(parents=True)
    (root / "lecture_utils" / "__init__.py").write_text("")
    (root / "reproductions" / "__init__.py").write_text("")
    (root / "reproductions" / "paper.py").write_text(
        "import json, pathlib, sys\n"
        "records = [{'system': 'pendulum', 'seed': 0, 'mse': float(sys.argv[1])}]\n"
        "path = pathlib.Path(__file__).parent / 'results' / 'paper.json'\n"
        "path.write_text(json.dumps(records))\n"
    )
    records = [{"system": "pendulum", "seed": 0, "mse": 2.0}]
    records += [{"system": "pendulum", "seed": 1, "mse": 5.0}]
    (root / "reproductions" / "results" / "paper.json").write_text(json.dumps(records))
    (root / "reproductions" / "weights" / "net.safetensors").write_bytes(b"shipped")
    return root


@pytest.fixture
def at(sources, monkeypatch):
    """The command, for the small project."""
    monkeypatch.setattr(reproduce, "ROOT", sources)
    monkeypatch.setattr(reproduce, "RUNS", {"paper": [["paper", "3"]]})
    monkeypatch.setattr(reproduce, "MINUTES", {"paper": 1})
    monkeypatch.delenv("ONLY", raising=False)
    return sources


def test_what_is_shipped_stays_and_the_quotient_is_printed(at, capfd):
    before = {p: p.read_bytes() for p in at.rglob("*.*") if p.is_file()}
    assert reproduce.main() == 0
    assert {p: p.read_bytes() for p in before} == before
    (line,) = [it for it in capfd.readouterr().out.splitlines() if " paper " in it]
    assert line.split() == ["paper", "1/2", "1.5", "1.5", "1.5"]


def test_shipped_networks_are_not_taken_for_trained_ones(at):
    reproduce.main()
    copy = at / "_build" / "reproduced" / "reproductions"
    assert not (copy / "weights").exists()
    assert json.loads((copy / "results" / "paper.json").read_text())[0]["mse"] == 3.0


def test_a_second_run_keeps_what_was_trained_and_takes_new_sources(at):
    reproduce.main()
    copy = at / "_build" / "reproduced"
    (copy / "_build").mkdir()
    (copy / "_build" / "half_done").write_text("kept")
    (copy / "reproductions" / "weights").mkdir()
    (copy / "reproductions" / "weights" / "net.safetensors").write_bytes(b"trained")
    (at / "lecture_utils" / "new.py").write_text("")
    reproduce.main()
    assert (copy / "_build" / "half_done").read_text() == "kept"
    assert (
        copy / "reproductions" / "weights" / "net.safetensors"
    ).read_bytes() == b"trained"
    assert (copy / "lecture_utils" / "new.py").exists()


def test_a_run_that_fails_stops_it_and_is_named(at, monkeypatch, capfd):
    runs = {"paper": [["paper", "no number"], ["paper", "3"]]}
    monkeypatch.setattr(reproduce, "RUNS", runs)
    assert reproduce.main() == 1
    assert "stopped at paper, 1 of 2" in capfd.readouterr().err
    assert not list((at / "_build").rglob("paper.json"))


def test_an_unknown_paper_is_refused_before_anything_is_made(at, monkeypatch, capsys):
    monkeypatch.setenv("ONLY", "paper hitz")
    assert reproduce.main() == 2
    assert "some of: paper. Found hitz" in capsys.readouterr().err
    assert not (at / "_build").exists()


@pytest.mark.parametrize(
    "path", sorted((ROOT / "reproductions" / "results").glob("*.json"))
)
def test_every_shipped_record_has_a_name_of_its_own(path):
    records = json.loads(path.read_text(encoding="utf-8"))
    having = [it for it in records if set(reproduce.MEASURED) & set(it)]
    values = reproduce.measured(records)
    assert len(values) == len(having)
    if having:
        assert reproduce.compared(values, values).split()[1:] == ["1", "1", "1"]


@pytest.mark.parametrize("name", reproduce.RUNS)
def test_every_command_is_one_that_its_module_knows(name):
    for arguments in reproduce.RUNS[name]:
        words = [word for word in arguments[1:] if word != "--seeds"]
        module = f"reproductions.{arguments[0]}"
        help_text = _help(module)
        assert all(word in help_text for word in words if not word.isdigit())


@functools.cache
def _help(module: str) -> str:
    run = subprocess.run(
        [sys.executable, "-m", module, "--help"],
        capture_output=True, text=True, cwd=ROOT, check=True,
    )  # fmt: skip
    return run.stdout
