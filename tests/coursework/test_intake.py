"""What was handed in is found, and belongs to whom it should."""

import json
import os

import pytest

from coursework.intake import submissions
from coursework.notebooks import read_notebook
from coursework.people import class_list, overrides
from coursework.tell import tell

ONE, TWO = "hierarchical_time_steppers", "resnets_as_euler_steps"
OVERRIDES = "student,assignment,question,points,reason\n"


def notebook(text="x", **metadata):
    cell = {"cell_type": "code", "source": text, "metadata": {}}
    return json.dumps({"cells": [cell], "metadata": metadata}).encode()


def put(folder, path, data=None):
    target = folder / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(notebook() if data is None else data)


def found(folder):
    all_ = submissions(folder, [ONE, TWO])
    return {s.student: s for s in all_ if s.assignment == ONE}


@pytest.mark.parametrize(
    ("one", "other", "name"),
    [
        (f"smithjohn_101_1_{ONE}.ipynb", f"smithjohn_102_2_{ONE}.ipynb", "smithjohn"),
        (f"smithjohn_101_1_{ONE}.ipynb", f"smithjohn_102_2_{TWO}.ipynb", "smithjohn"),
        (f"Ada Lovelace/{ONE}.ipynb", f"Ada-Lovelace/{ONE}.ipynb", "Ada-Lovelace"),
        (f"Ada Lovelace/{ONE}.ipynb", f"Ada-Lovelace/{TWO}.ipynb", "Ada-Lovelace"),
        (f"Jos\u00e9/{ONE}.ipynb", f"Jose\u0301/{ONE}.ipynb", "Jos\u00e9"),
        (
            f"Ada_1_assignsubmission_file/{ONE}.ipynb",
            f"Ada_2_assignsubmission_file/{ONE}.ipynb",
            "Ada",
        ),
        (
            os.fsdecode(b"M\xfcller") + f"/{ONE}.ipynb",
            os.fsdecode(b"M\xf6ller") + f"/{ONE}.ipynb",
            "M-ller",
        ),
    ],
)
def test_two_people_of_one_name_are_not_taken_for_one(
    tmp_path, capsys, one, other, name
):
    put(tmp_path, one)
    put(tmp_path, other)
    put(tmp_path, f"bob/{ONE}.ipynb")
    people = found(tmp_path)
    assert set(people) == {name, "bob"} and not people["bob"].problem
    assert "several people" in people[name].problem and not people[name].notebook
    assert ascii(name)[1:4].replace("\\", "") in ascii(capsys.readouterr().out)


def test_the_class_list_tells_people_of_one_name_apart(tmp_path):
    for number, text in (101, "one"), (102, "two"), (103, "three"):
        put(tmp_path, f"smithjohn_{number}_7_{ONE}.ipynb", notebook(text))
    (tmp_path / "students.csv").write_text(
        "student,submitted_as,canvas_id\njohn1,smithjohn_101,\njohn2,,102\n"
    )
    people = found(tmp_path)
    texts = {n: s.notebook["cells"][0]["source"] for n, s in people.items()}
    assert texts == {"john1": "one", "john2": "two", "smithjohn": "three"}


def test_the_same_person_has_other_numbers_in_each_download_of_moodle(tmp_path):
    put(tmp_path, f"Jose\u0301 Li_4711_assignsubmission_file/{ONE}.ipynb")
    put(tmp_path, f"Jos\u00e9 Li_4712_assignsubmission_file/{TWO}.ipynb")
    all_ = submissions(tmp_path, [ONE, TWO])
    assert [s.student for s in all_] == ["Jos\u00e9-Li"] * 2
    assert not any(s.problem for s in all_)


def test_of_two_notebooks_the_one_with_the_right_name_is_graded(tmp_path, capsys):
    put(tmp_path, f"ada/{ONE}/{ONE}-Copy1.ipynb", notebook("copy"))
    put(tmp_path, f"ada/{ONE}/{ONE}.ipynb", notebook("original"))
    one = found(tmp_path)["ada"]
    assert one.notebook["cells"][0]["source"] == "original"
    for said in (capsys.readouterr().out, str(one.notes)):
        assert f"{ONE}-Copy1.ipynb" in said and "raded: " in said


def test_a_notebook_of_another_assignment_is_named(tmp_path):
    put(tmp_path, f"ada/{ONE}/x.ipynb", notebook(coursework={"assignment": TWO}))
    assert f"the notebook of {TWO}" in found(tmp_path)["ada"].problem


def test_what_was_handed_in_instead_of_a_notebook_is_named(tmp_path):
    put(tmp_path, f"bob/{ONE}.IPYNB")
    put(tmp_path, "eve/report.pdf", b"%PDF")
    put(tmp_path, f"joe/{ONE}/work/{ONE}.zip", b"PK")
    put(tmp_path, f"annlee_5_6_{ONE}.pdf", b"%PDF")
    people = found(tmp_path)
    assert not people["bob"].problem
    assert "only report.pdf" in people["eve"].problem
    assert ".zip" in people["joe"].problem and ".pdf" in people["annlee"].problem


@pytest.mark.parametrize(
    "text",
    ["0001-01-01 00:00:00+14:00", "0001-01-01 00:00:00", "9999-12-31 23:59:59-12:00"]
    + ["2101-01-01 00:00:00 UTC", "yesterday", "2027-05-05 10:00 CEST"],
)
def test_a_time_that_cannot_be_is_ignored_and_reported(tmp_path, capsys, text):
    put(tmp_path, f"ada/{ONE}/{ONE}.ipynb")
    put(tmp_path, f"ada/{ONE}/timestamp.txt", text.encode())
    assert found(tmp_path)["ada"].when is None
    assert "timestamp.txt" in (said := capsys.readouterr().out) and "ada" in said


def test_only_the_time_beside_the_folder_of_the_assignment_counts(tmp_path):
    put(tmp_path, f"ada/{ONE}/deep/er/x.ipynb")
    put(tmp_path, f"ada/{ONE}/timestamp.txt", b"2027-05-05 10:00:00.5+02:00")
    put(tmp_path, f"ada/{ONE}/deep/er/timestamp.txt", b"2020-05-05 10:00:00 UTC")
    put(tmp_path, f"bob/work/{ONE}.ipynb")
    put(tmp_path, "bob/work/timestamp.txt", b"2020-05-05 10:00:00 UTC")
    people = found(tmp_path)
    assert people["ada"].when.isoformat() == "2027-05-05T08:00:00.500000+00:00"
    assert people["bob"].when is None


@pytest.mark.parametrize(
    ("table", "what"),
    [
        (b"student,points\na,3\n", "line 1.*missing: assignment, question, reason"),
        (f"{OVERRIDES}a,b,q1,nan,x\n".encode(), "line 2.*'nan'"),
        (f"{OVERRIDES}a,b,q1,1,x\na,b,q1,-1,x\n".encode(), "line 3.*'-1'"),
        (f'{OVERRIDES}a,b,q1,"4,5",x\n'.encode(), "line 2.*4.5.*'4,5'"),
        (f"{OVERRIDES}a,b,q1,inf,x\n".encode(), "line 2"),
        (f"{OVERRIDES}a,b,q1,3,gr\u00fcn\n".encode("cp1252"), "line 2.*UTF-8"),
    ],
)
def test_a_bad_override_is_named_with_file_and_line(tmp_path, table, what):
    (tmp_path / "overrides.csv").write_bytes(table)
    with pytest.raises(ValueError, match=f"overrides.csv, {what}"):
        overrides(tmp_path)


def test_tables_of_a_european_excel_are_read_and_others_refused(tmp_path):
    table = tmp_path / "students.csv"
    table.write_bytes("\ufeffstudent;name\r\nada;\u00c4da\r\n".encode())
    assert class_list(tmp_path)["ada"].name == "\u00c4da"
    for text, what in ("name\nAda\n", "missing: student"), ("student\na\na\n", "twice"):
        table.write_text(text)
        with pytest.raises(ValueError, match=f"students.csv, line .*{what}"):
            class_list(tmp_path)


def test_a_byte_order_mark_is_no_damage():
    assert read_notebook(b"\xef\xbb\xbf" + notebook())["cells"]


def test_a_name_cannot_stop_or_steer_the_terminal(capsys):
    tell("M\udcfcller \x1b[2J \u202e d\u00e9j\u00e0")
    said = capsys.readouterr().out
    assert "M\\udcfcller \\x1b[2J \\u202e" in said and "\x1b" not in said
