"""A real server and a real browser for the tests of the page, and what every visit must keep to.

A visit fails on any request that leaves this server, any answer of 400 or above, any error on the page's console, any
exception of a script, and any part of the page that is there but cannot be seen. Where Chromium, Playwright or the
page's files are missing the tests are skipped; with ADCCSIM_REQUIRE_BROWSER=1, as in CI, they fail instead.
"""

import os
import shutil

import pytest

from tests.teaching.visit import Server, Visit, chromium_arguments


def missing_here() -> str:
    """What this machine lacks for a browser test, in words; empty when nothing."""
    from adccsim.teaching import assets

    try:
        import playwright  # noqa: F401
    except ImportError:
        return "playwright is not installed (the extra 'test')"
    if chromium() is None:
        return "Chromium was not found (Debian: apt install chromium)"
    try:
        return assets.refusal(assets.cache_folder())
    except assets.AssetsError as error:
        return str(error)


def chromium() -> str | None:
    """The machine's own Chromium."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="session")
def browser_machine():
    """Skip, or fail where a browser is required, on a machine that cannot show the page."""
    lacking = missing_here()
    if lacking and os.environ.get("ADCCSIM_REQUIRE_BROWSER") == "1":
        pytest.fail(f"a browser is required here: {lacking}")
    if lacking:
        pytest.skip(lacking)


@pytest.fixture(scope="session")
def server(browser_machine, tmp_path_factory):
    """The page, served by the command line on a free port."""
    with Server(tmp_path_factory.mktemp("server") / "log.txt") as running:
        yield running


@pytest.fixture(scope="session")
def browser(browser_machine):
    """One headless Chromium for all tests; each visit has a profile of its own in it."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=chromium(), args=chromium_arguments())
        yield running
        running.close()


@pytest.fixture
def visit(browser, server):
    """Open the page as a new visitor: visit(width=1024, lesson=2) -> Visit; what went wrong fails the test."""
    opened: list[Visit] = []

    def open_page(**settings) -> Visit:
        opened.append(Visit(browser, server, **settings))
        return opened[-1].open()

    yield open_page
    errors = [error for one in opened for error in one.close()]
    assert not errors, "\n".join(errors)
