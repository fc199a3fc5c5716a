"""`adcc teach`: what is refused before anything is served, in one line."""

import socket

import pytest
from click.testing import CliRunner

from adccsim.cli import app
from adccsim.teaching import assets, rooms, serve


@pytest.fixture
def complete(monkeypatch):
    """As if the page's files were there."""
    monkeypatch.setattr(assets, "refusal", lambda folder: "")


def run(*arguments):
    return CliRunner().invoke(app, ["teach", "--no-browser", *arguments])


def test_without_its_files_it_names_the_command_that_fetches_them(tmp_path, monkeypatch):
    monkeypatch.setenv("SOLARA_ASSETS_PROXY_CACHE_DIR", str(tmp_path / "none"))
    result = run()
    assert result.exit_code == 2
    assert "adcc teach --prepare" in result.output
    assert len(result.output.strip().splitlines()) == 1


def test_a_port_that_is_taken_is_said(complete):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        result = run("--port", str(port))
    assert result.exit_code == 2
    assert str(port) in result.output
    assert len(result.output.strip().splitlines()) == 1


def test_an_address_of_another_machine_is_said(complete):
    result = run("--host", "192.0.2.1", "--port", "8799")  # a number that is reserved for examples
    assert result.exit_code == 2
    assert "192.0.2.1" in result.output


@pytest.mark.parametrize("arguments", [("--port", "0"), ("--port", "70000"), ("--sessions", "0"), ("--port", "web")])
def test_numbers_out_of_range_are_refused(arguments):
    assert run(*arguments).exit_code == 2


def test_it_listens_to_this_machine_alone_unless_told_otherwise(complete, monkeypatch):
    asked = []
    monkeypatch.setattr(serve, "serve", lambda *arguments: asked.append(arguments))
    assert run().exit_code == 0
    assert run("--host", "0.0.0.0", "--sessions", "7", "--port", "8123").exit_code == 0
    assert asked[0][:3] == ("127.0.0.1", 8765, False)
    assert asked[0][3] >= 12
    assert asked[1][:4] == ("0.0.0.0", 8123, False, 7)


def test_a_visitor_without_a_number_in_the_settings_gets_the_usual_limit(monkeypatch):
    monkeypatch.delenv(rooms.MOST, raising=False)
    assert rooms.most() == rooms.DEFAULT_MOST
