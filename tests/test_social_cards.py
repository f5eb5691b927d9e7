"""What a shared link shows."""

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "book" / "_ext" / "social_cards.py"
spec = importlib.util.spec_from_file_location("social_cards", SOURCE)
assert spec is not None and spec.loader is not None
social_cards = importlib.util.module_from_spec(spec)
spec.loader.exec_module(social_cards)

LONG = "A sentence of several words that describes a page of this book well enough. "


@pytest.mark.parametrize(
    ("paragraphs", "shown"),
    [
        (["Too short.", LONG], LONG.strip()),
        (["The question. " + LONG], LONG.strip()),
        (["Only short ones."], ""),
    ],
)
def test_the_first_real_paragraph_describes_the_page(paragraphs, shown):
    assert social_cards.described(paragraphs) == shown


def test_a_long_description_ends_at_a_word():
    text = social_cards.described([LONG * 5])
    assert len(text) <= social_cards.LONGEST + 2 and text.endswith(" \u2026")
    assert (LONG * 5).startswith(text[:-2] + " ")


def test_address_and_picture_appear_with_the_public_address():
    without = social_cards.card("T", "D", "S", "", "book/index")
    assert not {"og:url", "og:image"} & set(without)
    base = "https://someone.github.io/book/"
    found = social_cards.card("T", "D", "S", base, "book/index")
    assert found["og:url"] == base + "book/index.html"
    assert (ROOT / "_build" / "html" / "_images" / "cover.png").exists()
    assert found["og:image"] == base + "_images/cover.png"


def test_every_page_of_the_build_has_its_own_card():
    titles = []
    for path in sorted((ROOT / "_build" / "html" / "book").rglob("*.html")):
        page = path.read_text(encoding="utf-8")
        (title,) = re.findall(r'property="og:title" content="([^"]+)"', page)
        titles.append(title)
        described = re.findall(r'property="og:description" content="([^"]+)"', page)
        assert re.findall(r'name="description" content="([^"]+)"', page) == described
    assert len(titles) == len(set(titles)) > 5
