"""The page at the head of each part: first, short, and about all of its chapters."""

import re
from pathlib import Path

import pytest

from tools.book import parts

ROOT = Path(__file__).parents[1]
WITHOUT = {"", "Back matter"}  # parts that need no introduction
PARTS = {caption: it for caption, it in parts(ROOT).items() if caption not in WITHOUT}
LONGEST = 350  # words


@pytest.mark.parametrize("caption", PARTS)
def test_a_part_begins_with_a_page_that_asks_its_question(caption):
    first, *others = PARTS[caption]
    text = (ROOT / first).read_text(encoding="utf-8")
    assert re.match(r"# [^\n]+\?\n", text), "its title is the question"
    assert 100 <= len(text.split()) <= LONGEST
    assert not re.search(r"(?m)^##|^[-*\d]", text), "not a list of headings"
    linked = re.findall(r"\{doc\}`([\w/.]+)`", text)
    own = [name for name in linked if "/" not in name]
    assert own == [Path(page).stem for page in others], "each chapter once, in order"


def test_the_front_page_leads_to_every_page_of_every_part():
    front = (ROOT / "book" / "index.md").read_text(encoding="utf-8")
    for caption, files in PARTS.items():
        (row,) = [
            line
            for line in front.splitlines()
            if line.startswith(f"| {{doc}}`{caption} <")
        ]
        for page in files:
            name = Path(page).with_suffix("").as_posix().removeprefix("book/")
            assert re.search(rf"[`<]{name}[`>]", row), f"{caption}: {name}"


def test_next_leads_through_a_part_and_on_to_the_following_one():
    order = [page for files in PARTS.values() for page in files]
    for page, following in zip(order, order[1:], strict=False):
        html = (ROOT / "_build" / "html" / page).with_suffix(".html")
        (link,) = re.findall(
            r'<a class="right-next"\s+href="([^"]+)"', html.read_text(encoding="utf-8")
        )
        target = (html.parent / link).resolve()
        expected = (ROOT / "_build" / "html" / following).with_suffix(".html")
        assert target == expected.resolve(), f"{page} leads to {link}"
