"""One browser and one server for all pages."""

import os
from collections.abc import Iterator

import pytest
from built_book import HTML, BookPage, chapter_files
from playwright.sync_api import Browser, sync_playwright

from tools.browser import HOW_TO_GET_ONE, QUIET, find_browser, served


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One browser for all tests."""
    executable = find_browser()
    if executable is None:
        if os.environ.get("REQUIRE_BROWSER") == "1":
            pytest.fail(HOW_TO_GET_ONE)
        pytest.skip(HOW_TO_GET_ONE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def homes() -> Iterator[dict[str, str]]:
    """Address of the book per scheme."""
    if not chapter_files():
        pytest.fail(f"No page in {HTML}. Run `make book` first.")
    with served(HTML) as address:
        yield {"http": address, "file": HTML.resolve().as_uri() + "/"}


@pytest.fixture(scope="session", params=chapter_files())
def book_page(
    request: pytest.FixtureRequest, browser: Browser, homes: dict[str, str]
) -> Iterator[BookPage]:
    """Every page of the book in turn."""
    opened = BookPage(request.param, browser, homes)
    yield opened
    opened.close()
