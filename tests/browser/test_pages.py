"""What a reader meets on every built page, with a network or without."""

import importlib.resources
import json
import re

import pytest
from built_book import HTML, SCREENSHOTS, BookPage, chapter_files
from playwright.sync_api import Browser, Locator, Page, expect

AXE = importlib.resources.files("axe_playwright_python") / "axe.min.js"
AXE_OPTIONS = {"rules": {"label-content-name-mismatch": {"enabled": True}}}
LOOKS = {
    "light": ("light", 1280, 900),
    "dark": ("dark", 1280, 900),
    "phone": ("light", 390, 844),
}
OWN_BYTES = 3_000_000  # of a page with its images, without what all pages share
both = pytest.mark.parametrize("scheme", ["http", "file"])


def test_the_book_has_been_built():
    assert chapter_files(), f"No page in {HTML}. Run `make book` first."


@both
def test_nothing_is_loaded_from_elsewhere(book_page: BookPage, scheme: str):
    visit = book_page.at(scheme)
    inside = (visit.home, "data:", "blob:")
    assert [url for url in visit.requests if not url.startswith(inside)] == []


@both
def test_the_browser_reports_no_error(book_page: BookPage, scheme: str):
    assert book_page.at(scheme).errors == []


@both
def test_every_formula_is_typeset(book_page: BookPage, scheme: str):
    page = book_page.at(scheme).page
    # MathJax prints a command that it does not know in red, and says nothing
    wrong = page.locator("mjx-merror, mjx-mtext[style*='color: red']")
    assert wrong.all_text_contents() == []
    formulas = page.locator("article .math").count()
    assert page.locator("article mjx-container").count() >= formulas


def test_a_screen_reader_gets_every_formula_as_mathml(book_page: BookPage):
    page = book_page.at("file").page  # without a network, too
    shown = page.locator("article mjx-container")
    silent = shown.evaluate_all(
        "all => all.filter(it => !it.querySelector('mjx-assistive-mml > math')"
        "?.textContent.trim()).length"
    )
    assert silent == 0
    hidden = page.locator("article mjx-container > mjx-math:not([aria-hidden=true])")
    assert hidden.count() == 0  # else it would be read twice


def test_nothing_moves_for_who_asked_for_less_motion(book_page: BookPage):
    moving = book_page.at("http").page.evaluate(
        """() => [...document.querySelectorAll("*")].filter(it => {
            const style = getComputedStyle(it);
            return style.scrollBehavior === "smooth" || style.animationName !== "none"
                || !/^[0s, ]*$/.test(style.transitionDuration);
        }).map(it => it.outerHTML.slice(0, 80))"""
    )
    assert moving == []


@both
def test_the_keyboard_moves_every_control(book_page: BookPage, scheme: str):
    for figure in book_page.at(scheme).page.locator("figure.explore").all():
        image = figure.locator("img")
        for control in figure.locator("input, select").all():
            expect(control).to_have_accessible_name(re.compile(r"\S"))
            control.focus()
            seen = [
                _press(key, control, image) for key in ("Home", "ArrowRight", "End")
            ]
            if control.evaluate("it => (it.options?.length ?? it.max * 1 + 1) > 2"):
                assert len(set(seen)) == 3, "a key left the image or its text as it was"


def _press(key: str, control: Locator, image: Locator) -> tuple[str | None, ...]:
    """Image, alternative text and value that a reader meets after a key."""
    control.press(key)
    expect(image).to_have_js_property("complete", True)
    assert image.evaluate("it => it.naturalWidth") > 0
    if control.evaluate("it => it.tagName") == "SELECT":
        value = control.evaluate("it => it.selectedOptions[0].text")
    else:
        value = control.get_attribute("aria-valuetext")
        shown = control.locator("xpath=ancestor::div[1]").locator("output")
        expect(shown).to_have_text(value or "a value")
    alt = image.get_attribute("alt")
    assert alt and value and value in alt
    return image.get_attribute("src"), alt, value


def test_without_scripts_the_plain_image_shows_and_no_control(
    book_page: BookPage, browser: Browser, homes: dict[str, str]
):
    if 'class="explore"' not in book_page.file.read_text(encoding="utf-8"):
        return
    page = browser.new_page(java_script_enabled=False)
    page.goto(homes["file"] + book_page.name)
    for figure in page.locator("figure.explore").all():
        # inside a folded cell nothing shows until the reader opens it
        folded = figure.locator("xpath=ancestor::details[not(@open)]").count()
        assert folded or figure.locator("img").is_visible()
        assert not figure.locator("input, select").first.is_visible()
    page.close()


def test_every_image_has_an_alternative_text_that_someone_wrote(book_page: BookPage):
    images = book_page.at("http").page.locator("article img")
    alts = images.evaluate_all("all => all.map(it => it.alt)")
    file_name = re.compile(
        r"^\s*$|^\S*\.(png|svg|jpe?g|webp|gif)$|^[\w/.-]*[0-9a-f]{16}"
    )
    assert [alt for alt in alts if file_name.search(alt)] == []


def test_a_page_is_light_enough(book_page: BookPage):
    images = book_page.at("http").page.locator("article img")
    sources = images.evaluate_all("all => all.map(it => it.getAttribute('src'))")
    files = {book_page.file.parent / it for it in sources if not it.startswith("data:")}
    weight = sum(path.stat().st_size for path in {book_page.file, *files})
    assert weight <= OWN_BYTES, f"{book_page.name} weighs {weight / 1e6:.1f} MB"


@pytest.mark.parametrize("look", LOOKS)
def test_no_serious_barrier_is_found(book_page: BookPage, look: str):
    page = _as_seen(book_page, look)
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate(f"axe.run(document, {json.dumps(AXE_OPTIONS)})")["violations"]
    serious = [
        f"{it['id']}: {node['target']} {node['failureSummary']}"
        for it in found
        if it["impact"] in ("serious", "critical")
        for node in it["nodes"]
    ]
    assert not serious, "\n".join(serious)


def test_a_phone_needs_no_sideways_scrolling(book_page: BookPage):
    page = _as_seen(book_page, "phone")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def _as_seen(book_page: BookPage, look: str) -> Page:
    """Bring the page into one of its looks, and leave a picture for people."""
    page = book_page.at("http").page
    theme, width, height = LOOKS[look]
    page.set_viewport_size({"width": width, "height": height})
    page.evaluate("theme => document.documentElement.dataset.theme = theme", theme)
    page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    stem = book_page.name.removesuffix(".html").replace("/", "_")
    page.wait_for_timeout(350)  # the theme looks 300 ms later what scrolls now
    page.screenshot(
        path=SCREENSHOTS / f"{stem}-{look}.png", full_page=True, animations="disabled"
    )
    return page


@both
def test_the_search_finds_a_chapter(
    browser: Browser, homes: dict[str, str], scheme: str
):
    errors: list[str] = []
    page = browser.new_page()
    page.on(
        "console", lambda it: errors.append(it.text) if it.type == "error" else None
    )
    page.on("request", lambda it: requests.append(it.url))
    requests: list[str] = []
    page.goto(homes[scheme] + "search.html?q=Euler")
    expect(page.locator("#search-results li a").first).to_be_visible()
    page.wait_for_load_state("networkidle")
    page.close()
    assert errors == []
    assert [
        url for url in requests if not url.startswith((homes[scheme], "data:"))
    ] == []
