"""From a folder of submissions to grades: the whole way, through the command."""

import csv
import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import nbformat
import pytest

from coursework.course import CourseError, LatePolicy, load_course
from coursework.intake import submissions
from coursework.notebooks import Unreadable, read_notebook
from coursework.people import overrides

ROOT = Path(__file__).parents[2]
ONE, TWO = "hierarchical_time_steppers", "resnets_as_euler_steps"
SALT = "a salt that nobody knows"


def run(module, **settings):
    environment = {
        k: v for k, v in os.environ.items() if k not in ("COURSE", "VARIANT")
    }
    environment |= {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **settings}
    command = [sys.executable, "-m", module]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def put(folder, student, notebook, name=ONE):
    path = folder / student / name / f"{name}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    data = (
        notebook if isinstance(notebook, bytes) else nbformat.writes(notebook).encode()
    )
    path.write_bytes(data)
    return path


@pytest.fixture(scope="module")
def private(tmp_path_factory):
    """A private course: one assignment of the open edition with a salt of its own."""
    folder = tmp_path_factory.mktemp("private")
    (folder / "salt.txt").write_text(SALT)
    (folder / "course.toml").write_text(
        "variant = 7\n[late]\nfree_days = 1\ncost_per_day = 0.25\n"
        f"[late.deadlines]\n{ONE} = 2027-05-01T12:00:00+00:00\n"
    )
    target = folder / "source" / ONE
    target.mkdir(parents=True)
    for path in (ROOT / "coursework" / "source" / ONE).glob("*.*"):
        (target / path.name).write_bytes(path.read_bytes())
    return folder


def rows(folder):
    with (folder / "grades.csv").open(newline="") as lines:
        return {row["student"]: row for row in csv.DictReader(lines)}


@pytest.fixture(scope="module")
def graded(private, tmp_path_factory):
    """Submissions of a small class, graded."""
    handed_in = tmp_path_factory.mktemp("class") / "in"
    source = private / "source" / ONE / f"{ONE}.ipynb"
    solved = nbformat.read(source, as_version=4)
    put(handed_in, "ada", solved)
    stamp = handed_in / "ada" / ONE / "timestamp.txt"
    stamp.write_text("2027-05-03 13:00:00 UTC")  # three days begun, one of them free
    edited = nbformat.read(source, as_version=4)
    for cell in edited.cells:
        if cell.id == "q1":
            cell.source = "assert True"
        if cell.id == "forecast":
            cell.source = "def forecast(flows, x0, n_steps):\n    return x0"
    edited.cells.append(nbformat.v4.new_markdown_cell("<script>alert(1)</script>"))
    put(handed_in, "eve", edited)
    other = nbformat.read(source, as_version=4)
    other.metadata.kernelspec.language = "R"
    put(handed_in, "rob", other)
    put(handed_in, "bad", b'{"cells": ')
    hostile = nbformat.read(source, as_version=4)
    hostile.cells.append(nbformat.v4.new_code_cell("raise ValueError('\\ud800 oops')"))
    put(handed_in, "mal", hostile)
    (handed_in / "mal" / ONE / "timestamp.txt").write_text("0001-01-01 00:00:00+14:00")
    put(handed_in, os.fsdecode(b"M\xfcller"), b"x")
    put(handed_in, "latin", "é".encode("latin-1"))
    put(handed_in, "huge", b" " * (21 * 1024**2))
    (handed_in / "noone").mkdir()
    people = "student,name,email,canvas_id\nada,=Ada,ada@x.org,11\nabsent,Abs,,12\n"
    (handed_in / "students.csv").write_text(people)
    status, said = run(
        "coursework.grade", SUBMISSIONS=str(handed_in), COURSE=str(private)
    )
    assert status == 0, said
    return handed_in, handed_in.with_name("in-graded"), said


def test_everybody_gets_a_grade_or_a_reason(graded):
    _, folder, said = graded
    assert "isolation" in said.lower()
    found = rows(folder)
    assert found["ada"]["status"] == "hand grading: q5"
    assert [float(found["ada"][q]) for q in ("q1", "q2", "q3", "q4")] == [6, 4, 4, 4]
    assert (
        float(found["ada"]["penalty"]) == 0.5 * 18 and found["ada"]["days_late"] == "3"
    )
    assert float(found["eve"]["q1"]) == 0 and float(found["eve"]["q2"]) == 4
    reasons = {"rob": "for R", "bad": "no notebook", "latin": "UTF-8", "huge": "21 MB"}
    reasons |= {"noone": "Nothing", "absent": "Nothing"}
    for student, reason in reasons.items():
        assert (
            reason in found[student]["status"] and float(found[student]["total"]) == 0
        )


def test_a_hostile_notebook_harms_nobody(graded):
    _, folder, said = graded
    assert float(rows(folder)["mal"]["q1"]) == 6 and "mal" in said
    assert "its timestamp.txt holds no time" in said
    page = (folder / "feedback" / "mal" / ONE / f"{ONE}.html").read_text()
    assert "? oops" in page and "raise ValueError" in page
    assert "code cell" in page and rows(folder)["mal"]["q5"] == ""


def test_feedback_says_why_and_not_what(graded, private):
    _, folder, _ = graded
    page = (folder / "feedback" / "eve" / ONE / f"{ONE}.html").read_text()
    assert "The example of the notebook fails" in page and "failed (0 of 2)" in page
    assert "<script>alert" not in page and SALT not in page
    assignment = load_course(str(private), None).assignment(ONE)
    for question in assignment.questions:
        for check in question.checks:
            for case in check.cases:
                for number in re.findall(r"\d\.\d{4}", str([c for c in case[-3:]])):
                    shown = number in page and number not in str(question.example)
                    in_release = any(
                        number in path.read_text()
                        for path in (folder / "release").rglob("*.ipynb")
                    )
                    assert not shown or in_release, number


def test_tables_for_other_systems(graded):
    _, folder, _ = graded
    text = (folder / f"canvas_{ONE}.csv").read_text()
    canvas = list(csv.reader(text.splitlines()))
    assert canvas[0][:5] == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section"]
    assert canvas[1][0] == "Points Possible" and float(canvas[1][5]) == 24
    ada = next(row for row in canvas if row[3] == "ada")
    assert ada[:2] == ["'=Ada", "11"] and ada[5] == ""  # no formula; not final yet
    assert "ada@x.org" in (folder / f"moodle_{ONE}.csv").read_text()
    result = json.loads((folder / "results" / "eve" / ONE / "results.json").read_text())
    assert result["score"] == sum(test["score"] for test in result["tests"])
    assert {"name", "score", "max_score", "output", "status"} <= set(result["tests"][0])
    summary = (folder / "summary.html").read_text()
    assert "commonest mistake" in summary and "ada" not in summary


def test_again_judges_nothing_and_keeps_what_people_decided(graded, private):
    handed_in, folder, _ = graded
    changes = handed_in / "overrides.csv"
    changes.write_text(
        "student,assignment,question,points,reason\n"
        f"ada,{ONE},q5,5,good use of the floor\neve,{ONE},q1,2,right idea\n"
        f"adda,{ONE},q5,5,no such student\n"
    )
    settings = {"SUBMISSIONS": str(handed_in), "COURSE": str(private)}
    status, said = run("coursework.grade", **settings)
    assert status == 0 and not re.search(r"^1/\d+ ", said, re.M), said
    assert f"adda, {ONE}, q5 fits nothing" in said
    found = rows(folder)
    assert found["ada"]["status"] == "graded" and float(found["ada"]["q5"]) == 5
    assert float(found["eve"]["q1"]) == 2
    assert "right idea" in found["eve"]["changed_by_hand"]
    page = (folder / "feedback" / "eve" / ONE / f"{ONE}.html").read_text()
    assert "right idea" in page
    changes.unlink()
    record = folder / "judged" / "eve" / f"{ONE}.json"
    record.write_text(record.read_text()[:100])  # as after a crash
    status, said = run("coursework.grade", **settings)
    assert status == 0 and "1/1 eve" in said
    assert float(rows(folder)["eve"]["q1"]) == 0


def test_a_release_holds_no_solution_and_no_hidden_number(graded, private):
    _, folder, _ = graded
    assignment = load_course(str(private), None).assignment(ONE)
    released = "".join(
        path.read_text() for path in (folder / "release").rglob("*") if path.is_file()
    )
    assert "raise NotImplementedError" in released and "YOUR ANSWER HERE" in released
    for cell in assignment.notebook.cells:
        _, begun, rest = cell.source.partition("### BEGIN SOLUTION")
        for line in rest.partition("### END SOLUTION")[0].splitlines() if begun else []:
            text = json.dumps(line.strip(), ensure_ascii=False)[1:-1]
            assert len(text) < 12 or text not in released, text
    for question in assignment.questions:
        for hint in question.mistakes:
            assert hint not in released
        for check in question.checks:
            assert check.title not in released or len(check.title) < 20
    assert SALT not in released and "Rubric" not in released
    notebook = nbformat.read(folder / "release" / ONE / f"{ONE}.ipynb", as_version=4)
    assert all(not c.get("outputs") for c in notebook.cells)
    assert "pip install -r requirements.txt" in released and "torch>=" in released


def test_a_private_course_stays_outside_the_repository(tmp_path):
    with pytest.raises(CourseError, match="repository"):
        load_course(str(ROOT / "coursework"), 1)
    with pytest.raises(CourseError, match="secret"):
        load_course(str(tmp_path), 1)
    status, said = run("coursework.grade", SUBMISSIONS=str(tmp_path / "none"))
    assert status == 1 and "SUBMISSIONS" in said
    inside = str(tmp_path / "graded")
    settings = {"SUBMISSIONS": str(tmp_path), "GRADES": inside}
    status, said = run("coursework.grade", **settings)
    assert status == 1 and "lies in the submissions" in said


def test_late_days():
    deadline = datetime(2027, 5, 1, 12, tzinfo=UTC)
    policy = LatePolicy({"a": deadline}, free_days=1, cost_per_day=0.25)
    days = [
        policy.days_late("a", datetime(2027, 5, 1 + k, 12, m, tzinfo=UTC))
        for k, m in ((0, 0), (0, 1), (1, 0), (1, 1))
    ]
    assert days == [0, 1, 1, 2] and policy.days_late("b", deadline) == 0
    assert [policy.penalty(d, 20) for d in (0, 1, 2, 3, 9)] == [0, 0, 5, 10, 20]


def test_submissions_are_attributed(tmp_path):
    empty = b'{"cells": [], "metadata": {}}'
    put(tmp_path, "ada", empty)
    (tmp_path / f"lovelacebob_12_34_{TWO}.ipynb").write_bytes(empty)
    (tmp_path / "students.csv").write_text("student,submitted_as\nbob,lovelacebob\n")
    (tmp_path / "ada" / TWO).mkdir()
    link = tmp_path / "ada" / TWO / f"{TWO}.ipynb"
    link.symlink_to(ROOT / "coursework" / "source" / TWO / f"{TWO}.ipynb")
    found = {(s.student, s.assignment): s for s in submissions(tmp_path, [ONE, TWO])}
    assert not found["ada", ONE].problem and not found["bob", TWO].problem
    assert "link" in found["ada", TWO].problem
    assert "Nothing" in found["bob", ONE].problem


def test_overrides_need_a_reason(tmp_path):
    (tmp_path / "overrides.csv").write_text(
        "student,assignment,question,points,reason\na,b,q1,3,\n"
    )
    with pytest.raises(ValueError, match="reason"):
        overrides(tmp_path)


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b"{}", b'{"cells": [1]}', b'{"cells": [{"source": 3}]}', b"[" * 10**6]
    + [b'{"cells": [{"source": ["a", 1]}]}', b"\xff\xfe", b'{"worksheets": []}'],
)
def test_damaged_notebooks_are_refused_with_a_reason(data):
    with pytest.raises(Unreadable, match="."):
        read_notebook(data)
