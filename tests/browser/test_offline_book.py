"""The zip, unpacked and read in a browser that has no network."""

import zipfile
from pathlib import Path

from built_book import HTML
from playwright.sync_api import Browser, expect

from tools.offline import FOLDER, loaded_from_elsewhere, pack


def test_the_unpacked_book_reads_without_a_network(browser: Browser, tmp_path: Path):
    assert loaded_from_elsewhere(HTML) == []
    pack(HTML, tmp_path / "book.zip")
    zipfile.ZipFile(tmp_path / "book.zip").extractall(tmp_path)
    context, requests, errors = browser.new_context(offline=True), [], []
    page = context.new_page()
    patient = {"timeout": 20_000}  # ms, on a busy machine
    page.on("request", lambda it: requests.append(it.url))
    page.on("requestfailed", lambda it: errors.append(it.url))
    page.on("pageerror", lambda it: errors.append(str(it)))
    page.goto((tmp_path / FOLDER / "index.html").as_uri())
    expect(page.locator("article h1")).to_contain_text("Neural Networks")
    expect(page.locator("article mjx-container").first).to_be_visible(**patient)
    page.get_by_role("link", name="Who keeps the energy?").first.click()
    expect(page.locator(".lab-status")).to_contain_text("SympFlow", **patient)
    home = (tmp_path / FOLDER).as_uri()
    assert len(requests) > 10
    assert [it for it in requests if not it.startswith((home, "data:"))] == []
    assert errors == []
    context.close()
