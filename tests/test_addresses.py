"""No address the book was ever published under dies."""

import re
from pathlib import Path
from urllib.parse import urljoin

import pytest

from tools.addresses import LIST, published, write_redirects
from tools.book import pages

ROOT = Path(__file__).parents[1]
HTML = ROOT / "_build" / "html"
HERE = {str(Path(page).with_suffix(".html").as_posix()) for page in pages(ROOT)}


@pytest.fixture
def listed(tmp_path: Path):
    """Write a list of addresses, and read it."""

    def read(text: str) -> dict[str, str]:
        (tmp_path / "book").mkdir(exist_ok=True)
        (tmp_path / LIST).write_text(text)
        return published(tmp_path)

    return read


def test_every_published_address_is_a_page_or_leads_to_one():
    found = published(ROOT)
    assert set(found.values()) - HERE == set(), "published pages that are gone"
    for old, new in found.items():
        page = (HTML / old).read_text(encoding="utf-8")
        assert (old != new) == ('http-equiv="refresh"' in page), old


def test_every_page_of_the_book_is_listed():
    missing = HERE - set(published(ROOT))
    assert not missing, f"put into {LIST}: {sorted(missing)}"


def test_a_page_that_moved_leads_on(listed, tmp_path):
    found = listed("# why\n\nbook/a/old.html -> book/b/new.html\nbook/b/new.html\n")
    assert found["book/a/old.html"] == found["book/b/new.html"] == "book/b/new.html"
    write_redirects(tmp_path, tmp_path / "html")
    written = [it.name for it in (tmp_path / "html").rglob("*.html")]
    assert written == ["old.html"]  # a page of its own is left to the build
    page = (tmp_path / "html/book/a/old.html").read_text()
    links = re.findall(r"(?:href=\"|url=|replace\(')([^\"']+)", page)
    home = "https://someone.github.io/book/"
    leads = {urljoin(home + "book/a/old.html", link) for link in links}
    assert leads == {home + "book/b/new.html"} and len(links) == 4
    assert "location.hash" in page  # a link to a theorem still finds the theorem


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("book/a.html -> book/b.html", "own"),
        ("book/a.html -> book/b.html\nbook/b.html -> book/c.html\nbook/c.html", "own"),
        ("book/a.html\nbook/a.html", "twice"),
        ("/book/a.html", "must be like"),
        ("book/a", "must be like"),
        ("book/a.html -> book/b", "must be like"),
    ],
)
def test_a_list_that_loses_a_reader_is_refused(listed, text, complaint):
    with pytest.raises(ValueError, match=complaint):
        listed(text)
