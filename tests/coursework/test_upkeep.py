"""What an instructor may get wrong is said, and nothing is lost or mixed up."""

import json

import nbformat
import pytest
from nbgrader.api import Gradebook

from coursework.course import OPEN_SOURCE, Course, CourseError, LatePolicy, load_course
from coursework.exports import write_tables
from coursework.feedback import _text, write_graded_copy
from coursework.intake import Submission
from coursework.ledger import enter_all
from coursework.marking import Record, mark_all
from coursework.nbgrader_course import database
from coursework.people import Change
from coursework.release import build
from coursework.scoring import Scored
from coursework.upkeep import check_changes, check_edition, forget_strangers

NAME = "resnets_as_euler_steps"


def handed_in(student="ada", **metadata):
    book = {"metadata": {"coursework": metadata}, "cells": []}
    return Submission(student, NAME, notebook=book, path=f"{student}/x.ipynb")


def test_notebooks_of_another_variant_are_noticed(capsys):
    course, other = load_course(None, 3), load_course(None, 4)
    salted = Course(course.source, "another salt", 3)
    assert len({course.edition, other.edition, salted.edition}) == 3
    mine, theirs = (handed_in(edition=c.edition) for c in (course, other))
    check_edition([mine, handed_in(), handed_in(edition=course.edition)], course)
    assert not capsys.readouterr().out
    check_edition([mine, theirs], course)
    assert "another course or variant" in capsys.readouterr().out
    assert theirs.notes and not mine.notes
    with pytest.raises(CourseError, match="VARIANT"):
        check_edition([theirs, handed_in()], course)


def test_a_private_course_has_a_folder_of_its_own(tmp_path):
    assert load_course(None, 2027).label == "2027"
    assert Course(tmp_path / "mine" / "source", "salt", 2027).label == "mine-2027"


def test_an_override_gives_at_most_the_points_of_the_question(capsys):
    assignments = {NAME: load_course(None, 1).assignment(NAME)}
    found = {("ada", NAME): handed_in()}
    most = assignments[NAME].questions[0].points
    for points in (0, most):
        change = Change(points, "why", "overrides.csv, line 2")
        check_changes({("ada", NAME, "q1"): change}, found, assignments)
    change = Change(most + 1, "why", "overrides.csv, line 2")
    with pytest.raises(ValueError, match="line 2: q1 has"):
        check_changes({("ada", NAME, "q1"): change}, found, assignments)
    check_changes({("adda", NAME, "q1"): change}, found, assignments)
    assert "line 2: adda" in capsys.readouterr().out


def test_pages_of_people_who_are_gone_are_removed(tmp_path):
    for kind in ("autograded", "feedback", "judged", "results", "release"):
        for student in ("ada", "gone"):
            (tmp_path / kind / student / NAME).mkdir(parents=True)
    forget_strangers(tmp_path, {"ada"})
    left = sorted(p.parent.name for p in tmp_path.glob("*/gone"))
    assert left == ["release"] and len(list(tmp_path.glob("*/ada"))) == 5


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        ("[x](javascript:alert(1))", "]("),
        ("[x]( javascript:alert(1))", "]("),
        ("[x](&#106;avascript:alert(1))", "]("),
        ("[x][y]\n\n[y]:\n  javascript:alert(1)", "]:"),
        ("![p](http://evil.example/p.png)", "!["),
        ("<img src='http://evil.example'>", "<"),
        (r"$\href{javascript:alert(4)}{click}$", r"\href"),
    ],
)
def test_nothing_in_a_text_runs_or_calls_home(text, gone):
    assert gone not in _text({"source": text})


def test_links_to_the_web_stay():
    text = "[x](https://a.example) and [y]: http://b.example, $a_{[1]}(x)$ > 2"
    assert _text({"source": text}) == text


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """One assignment, released, with an empty gradebook."""
    source = tmp_path_factory.mktemp("one") / "source"
    (source / NAME).mkdir(parents=True)
    for path in (OPEN_SOURCE / NAME).glob("*.*"):
        (source / NAME / path.name).write_bytes(path.read_bytes())
    folder = tmp_path_factory.mktemp("graded")
    assignments = build(Course(source, "a salt of sixteen letters", 5), folder)
    return folder, {a.name: a for a in assignments}


def entered(course, text, changes=None):
    folder, assignments = course
    questions = [Scored(q.name, 0, q.points) for q in assignments[NAME].questions]
    record = Record("ada", NAME, "digest", questions=questions, written={"q5": text})
    pairs = [(record, Submission("ada", NAME))]
    return enter_all(folder, pairs, assignments, {}, LatePolicy(), changes or {})[0]


def test_the_release_says_for_whom_it_is(course):
    path = course[0] / "release" / NAME / f"{NAME}.ipynb"
    mark = nbformat.read(path, as_version=4).metadata["coursework"]
    assert mark["assignment"] == NAME and len(mark["edition"]) == 12


def test_a_text_that_changed_is_read_again_and_its_old_points_are_shown(course):
    folder, _ = course
    assert entered(course, "first").pending == ["q5"]
    with Gradebook(database(folder)) as book:
        grade = book.find_grade("q5", NAME, NAME, "ada")
        grade.manual_score, grade.needs_manual_grade = 4, False
        book.db.commit()
    assert entered(course, "first").points["q5"] == 4
    for _ in range(2):  # and stays so until somebody reads it
        changed = entered(course, "second")
        assert changed.pending == ["q5"] and changed.points["q5"] == 0
        assert "4 points before the text changed" in changed.status
    write_tables(folder, [changed], {})
    assert ",,0,0" in (folder / "grades.csv").read_text()  # q5 is empty, not 0
    with Gradebook(database(folder)) as book:
        grade = book.find_grade("q5", NAME, NAME, "ada")
        grade.manual_score, grade.needs_manual_grade = 5, False
        book.db.commit()
    again = entered(course, "second")
    assert again.points["q5"] == 5 and again.status == "graded"


def test_an_override_stays_when_the_text_changes_but_is_reported(course, capsys):
    change = {("ada", NAME, "q5"): Change(3, "why", "overrides.csv, line 2")}
    assert entered(course, "second", change).points["q5"] == 3
    assert not capsys.readouterr().out
    assert entered(course, "third", change).points["q5"] == 3
    assert "line 2: ada changed the text of q5" in capsys.readouterr().out


def test_a_text_whose_cell_is_gone_stands_in_the_graded_copy(course, tmp_path):
    folder, _ = course
    grade = entered(course, "third")
    record = Record("ada", NAME, "", written={"q5": "my text"}, notes=["no cell q5"])
    submission = Submission("ada", NAME, notebook={"cells": []}, notes=["two files"])
    release = folder / "release" / NAME / f"{NAME}.ipynb"
    write_graded_copy(tmp_path, record, submission, grade, release)
    path = tmp_path / "autograded" / "ada" / NAME / f"{NAME}.ipynb"
    cells = nbformat.read(path, as_version=4).cells
    marked = {c.metadata.get("nbgrader", {}).get("grade_id"): c for c in cells}
    assert marked["q5"].source == "my text"
    for note in ("no cell q5", "two files"):
        assert note in cells[0].outputs[0].text


def test_who_took_too_long_is_known_and_can_be_judged_again(course, tmp_path):
    _, assignments = course
    release = {"cells": []}
    loop = "def two_stage_step(*a):\n    while True: pass"
    cell = {"kind": "code", "source": loop, "mark": {}}
    one = Submission("ada", NAME, digest="x", notebook={"cells": [cell]})
    other = Submission("bob", NAME, digest="y", notebook={"cells": []})
    said = []

    def marked(**more):
        said.clear()
        settings = {"jobs": 2, "say": said.append, **more}
        releases = {NAME: release}
        records, failures = mark_all(
            [one, other], assignments, releases, tmp_path, **settings
        )
        assert not failures
        return {record.student: record.too_slow for record in records}

    assert marked() == {"ada": True, "bob": False} and len(said) == 2
    assert marked() == {"ada": True, "bob": False} and not said
    assert marked(again=["bob"])["ada"] and len(said) == 1 and "bob" in said[0]
    assert json.loads((tmp_path / "ada" / f"{NAME}.json").read_text())["too_slow"]
