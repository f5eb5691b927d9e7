"""The page for instructors says what the assignments are."""

import re
from pathlib import Path

import pytest

from coursework.course import load_course
from coursework.guide import PAGE, chapters, replaced, sections
from tools.book import parts
from tools.setup import ROOT

TEXT = PAGE.read_text(encoding="utf-8")
NAMES = load_course(None, 1).names


def plan(weeks):
    """What is handed in, by week, of one of the two plans."""
    table = TEXT.partition(f"**In {weeks} weeks**")[2].partition("\n\n**")[0]
    rows = re.findall(r"^\| \d+ \|.*\| *(.*?) *\|$", table, flags=re.M)
    return [re.findall(r"`(\w+)`", row) for row in rows]


def test_the_page_is_up_to_date():
    assert replaced(TEXT, sections()) == TEXT, "run python -m coursework.guide"


def test_every_assignment_has_a_section_with_its_rubric():
    body = sections()
    assert len(re.findall(r"^### ", body, flags=re.M)) == len(NAMES)
    assert body.count("Rubric") == body.count("Mistakes that") == len(NAMES)
    for name in NAMES:
        assert f"folder `{name}`" in body


def test_the_long_plan_has_every_assignment_once():
    weeks = plan("twelve")
    assert len(weeks) == 12
    assert sorted(name for week in weeks for name in week) == NAMES


def test_the_short_plan_names_assignments_that_exist():
    weeks = plan("six")
    assert len(weeks) == 6 and any(weeks)
    assert {name for week in weeks for name in week} <= set(NAMES)


def test_every_chapter_is_on_the_long_plan():
    table = TEXT.partition("**In twelve weeks**")[2].partition("**In six weeks**")[0]
    heads = {Path(files[0]).stem for files in parts(ROOT).values()}  # of the parts
    paths = [path for name, path in chapters().items() if name not in heads]
    with_code = [path for path in paths if "/" in path]
    assert len(with_code) > 9
    assert all(f"{{doc}}`{path}`" in table for path in with_code)


def test_the_first_paragraph_warns_and_says_what_to_do():
    first = TEXT.split("\n\n")[1]
    for word in ("public", "solutions", "COURSE=folder", "salt"):
        assert word in first


def test_a_page_without_the_place_for_the_assignments_is_refused():
    with pytest.raises(ValueError, match="must contain"):
        replaced("# Another page", "text")
