"""The printed book: contents, page numbers and links, on a book of three pages."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tools import pdf
from tools.pdf import destinations, pages_in_order, printed

FILLER = "<p>" + "A line of text that takes room. " * 25 + "</p>"
PARTS = {"": ["front.html"], "A part": ["deep/one.html", "deep/two.html"]}


@pytest.fixture
def html(tmp_path: Path) -> Path:
    """A book whose first chapter is some pages long; both chapters use one id."""

    def page(name: str, body: str) -> None:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"<body><header>not ours</header><article>{body}</article>")

    page("front.html", "<h1>Title</h1><p>See <a href='deep/two.html#end'>the end</a>.")
    long = FILLER * 40 + "<p><a href='../gone.html'>not in print</a>"
    inside = "<section id='part'><h2>A section</h2></section>"
    page("deep/one.html", f"<h1>First</h1>{long}{inside}<details><p>folded")
    back = "<a href='one.html#part'>back</a><a href='one.html'>to the top</a>"
    page(
        "deep/two.html", f"<h1>Second</h1><section id='part'>{back}</section><p id=end>"
    )
    return tmp_path


@pytest.fixture
def paper(browser: Browser, html: Path) -> bytes:
    """The printed pages."""
    return printed(browser, html, PARTS, "A book", "Its edition")


def test_every_link_of_the_text_leads_to_its_page(paper: bytes):
    found = destinations(paper)
    assert found["front"] == 3  # after the title and the contents
    assert found["one"] == 4
    assert found["one"] + 2 < found["one--part"] < found["two"] == found["two--end"]
    assert found["two"] == len(pages_in_order(paper))
    leads = set(re.findall(rb"/Dest /([\w-]+)", paper))
    assert leads == {b"front", b"one", b"two", b"one--part", b"two--end"}
    assert b"gone" not in paper


def test_the_contents_show_where_the_chapters_start(browser: Browser, html: Path):
    shown = {}
    real = pdf._with_page_numbers

    def watch(page, entries):
        result = real(page, entries)
        shown.update(
            page.evaluate(
                "[...document.querySelectorAll('[data-target]')].map(it => "
                "[it.dataset.target + (it.closest('nav') ? '' : ' in the text'), "
                "it.textContent])"
            )
        )
        shown["summary"] = page.locator("details").get_attribute("open")
        return result

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pdf, "_with_page_numbers", watch)
        found = destinations(printed(browser, html, PARTS, "A book", ""))
    assert shown.pop("summary") is not None, "what is folded would not be printed"
    assert {key.split(" ")[0]: int(n) for key, n in shown.items()} == {
        key: found[key] for key in ("front", "one", "one--part", "two", "two--end")
    }
    assert "two--end in the text" in shown


def test_long_code_begins_where_the_text_ends(browser: Browser, html: Path):
    # what the theme does to code, which would leave an empty box behind
    theme = "div { break-inside: avoid; display: flex; flex-direction: column }"
    lines = "<i id=first>first</i>\n" + "line\n" * 50 + "<i id=last>last</i>"
    (html / "deep" / "one.html").write_text(
        f"<article><style>{theme} pre {{ overflow: auto }}</style><h1>First</h1>"
        f"<a href='#first'></a><a href='#last'></a><a href='#before'></a>{FILLER * 3}"
        "<p id=before>Now code.<div class=cell_input><div class=highlight-python>"
        f"<div class=highlight><pre>{lines}</pre>"
    )
    found = destinations(printed(browser, html, PARTS, "A book", ""))
    assert found["one--before"] == found["one--first"]
    assert found["one--last"] == found["one--first"] + 1


def test_a_contents_entry_that_leads_nowhere_is_an_error(browser: Browser):
    page = browser.new_page()
    page.set_content("<a href='#missing'>x</a>")
    with pytest.raises(RuntimeError, match="missing"):
        pdf._with_page_numbers(page, ["missing"])
    page.close()


def test_without_a_browser_it_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setattr(pdf, "find_browser", lambda: None)
    monkeypatch.setattr(pdf.book, "main", lambda: pytest.fail("built for nothing"))
    assert pdf.main() == 1
    assert "apt install chromium" in capsys.readouterr().err
