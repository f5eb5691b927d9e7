"""One browser and one server for all pages."""

import functools
import os
import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer

import pytest
from built_book import HTML, QUIET, BookPage, QuietHandler, chapter_files, find_browser
from playwright.sync_api import Browser, sync_playwright


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One browser for all tests."""
    executable = find_browser()
    if executable is None:
        reason = (
            "No Chromium, Chrome or Edge was found. Install one (Debian: apt install "
            "chromium; macOS: brew install --cask chromium), or name it: CHROMIUM=path."
        )
        if os.environ.get("REQUIRE_BROWSER") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def homes() -> Iterator[dict[str, str]]:
    """Address of the book per scheme."""
    if not chapter_files():
        pytest.fail(f"No page in {HTML}. Run `make book` first.")
    handler = functools.partial(QuietHandler, directory=HTML)
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield {
        "http": f"http://127.0.0.1:{server.server_port}/",
        "file": HTML.resolve().as_uri() + "/",
    }
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="session", params=chapter_files())
def book_page(
    request: pytest.FixtureRequest, browser: Browser, homes: dict[str, str]
) -> Iterator[BookPage]:
    """Every page of the book in turn."""
    opened = BookPage(request.param, browser, homes)
    yield opened
    opened.close()
