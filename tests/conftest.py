"""What several files of tests share."""

import os

import pytest
from playwright.sync_api import sync_playwright

from tools.pdf import chromium


def skip_or_fail(reason):
    """What is missing is a reason to skip on a reader's machine, and a failure in CI."""
    (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)


@pytest.fixture(scope="module")
def browser():
    if not (executable := chromium()):
        skip_or_fail("no Chromium or Chrome on PATH")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        yield browser
        browser.close()
