"""In the browser: the code, a lost connection, and a page that was left; with a real server."""

import pytest

from tests.teaching.visit import WAIT_S, Server, Visit

pytestmark = pytest.mark.slow


@pytest.fixture
def stranger(browser):
    """A page of a browser that has no cookie."""
    context = browser.new_context()
    context.set_default_timeout(1000 * WAIT_S)
    yield context.new_page()
    context.close()


def test_a_pupil_types_the_code_from_the_board(server, stranger):
    assert stranger.goto(server.url).status == 403
    stranger.get_by_label("Code").fill("not-the-code")
    stranger.get_by_role("button", name="Open the page").click()
    stranger.get_by_text("That code is wrong").wait_for()
    stranger.get_by_label("Code").fill(server.code.upper())
    stranger.get_by_role("button", name="Open the page").click()
    stranger.get_by_test_id("picture").wait_for(state="visible")
    assert stranger.url == server.url  # the code has left the address


def test_a_link_from_another_site_opens_the_page(server, stranger):
    """A strict cookie is not sent along a link from elsewhere, so the page opens by a step of its own."""
    stranger.goto(f'data:text/html,<a href="{server.address}">to the page</a>')
    stranger.get_by_text("to the page").click()
    stranger.get_by_test_id("picture").wait_for(state="visible")
    stranger.reload()
    stranger.get_by_test_id("picture").wait_for(state="visible")


def test_another_site_reaches_nothing(server, stranger):
    stranger.goto(server.address)
    stranger.get_by_test_id("picture").wait_for(state="visible")
    stranger.goto("data:text/html,<title>elsewhere</title>")
    opened = stranger.evaluate(
        """url => new Promise(done => {
            const path = 'jupyter/api/kernels/12345678/channels?session_id=1';
            const socket = new WebSocket(url.replace('http', 'ws') + path);
            socket.onopen = () => done(true);
            socket.onerror = () => done(false);
        })""",
        server.url,
    )
    assert not opened
    assert stranger.evaluate("url => fetch(url).then(() => true, () => false)", server.url) is False


def test_a_lost_connection_comes_back_to_the_same_state(visit):
    one = visit()
    one.button("Step").click()
    one.wait_clock("0 h 1 min")
    assert one.page.evaluate("solara.debug.dropConnection()")
    one.page.wait_for_function("solara.debug.reconnectCount > 0 && solara.debug.connectionStatus === 'connected'")
    one.button("Step").click()
    one.wait_clock("0 h 2 min")


def test_a_visitor_who_was_away_comes_back_to_the_same_state_even_when_all_places_are_taken(browser, tmp_path):
    with Server(tmp_path / "log.txt", ("--sessions", "1")) as small:
        first = Visit(browser, small).open()
        first.button("Step").click()
        first.wait_clock("0 h 1 min")
        first.page.goto("about:blank")
        second = Visit(browser, small).open()  # has the only place now
        first.page.goto(small.url)
        first.seen()
        first.wait_clock("0 h 1 min")
        second.button("Step").click()
        second.wait_clock("0 h 1 min")
        assert first.close() == []
        assert second.close() == []
