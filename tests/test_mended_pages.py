"""What we correct in the finished pages."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "book" / "_ext" / "mended_pages.py"
spec = importlib.util.spec_from_file_location("mended_pages", SOURCE)
assert spec is not None and spec.loader is not None
mended_pages = importlib.util.module_from_spec(spec)
spec.loader.exec_module(mended_pages)

SHORT = '<span class="math notranslate nohighlight">\\(p_1\\)</span>'
LONG = SHORT.replace("p_1", "p_1 + " * 20)


@pytest.mark.parametrize(
    ("found", "corrected"),
    [
        (f"at {SHORT}, so", f'at <span class="glued">{SHORT},</span> so'),
        (f"({SHORT}).", f'(<span class="glued">{SHORT}).</span>'),
        (f"at {SHORT} so", f"at {SHORT} so"),
        (f"at {LONG}.", f"at {LONG}."),  # or a phone would scroll sideways
    ],
)
def test_a_full_stop_stays_with_its_formula(found, corrected):
    assert mended_pages.mended(found) == corrected


def test_mending_twice_is_mending_once():
    built = list((ROOT / "_build" / "html" / "book").rglob("*.html"))
    assert len(built) > 5
    for path in built:
        page = path.read_text(encoding="utf-8")
        assert mended_pages.mended(page) == page, path.name
