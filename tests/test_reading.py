"""Files that a user names are read up to a stated size, and nothing but a regular file is read at all."""

import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from adccsim import reading
from adccsim.analysis.errors import SheetError
from adccsim.analysis.growth.design import read_design
from adccsim.cli import app
from adccsim.execution.site import load_site
from adccsim.reading import UnreadableError, read_bytes, read_text, read_toml
from adccsim.scenario.errors import ScenarioError

SHIPPED = Path(__file__).parents[1] / "scenarios" / "adcc_protocol.toml"


def refusal(read, *arguments):
    with pytest.raises(UnreadableError) as error:
        read(*arguments)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_nothing_but_a_regular_file_is_read(tmp_path):
    os.mkfifo(tmp_path / "pipe")  # opening it for reading would wait for a writer that never comes
    (tmp_path / "link").symlink_to("/dev/zero")
    for path in (tmp_path / "pipe", tmp_path / "link", Path("/dev/zero"), Path("/dev/null")):
        assert refusal(read_bytes, path, "a scenario file") == "is a device or a pipe, not a scenario file"
    assert refusal(read_bytes, tmp_path, "a site file") == "is a folder, not a site file"
    assert refusal(read_bytes, tmp_path / "none") == "no such file"
    assert "cannot be read" in refusal(read_bytes, Path("nul\0byte"))
    (tmp_path / "loop").symlink_to("loop")
    assert "cannot be read" in refusal(read_bytes, tmp_path / "loop")


def test_reading_stops_at_the_limit(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"x" * 1000)
    assert read_bytes(path, most=1000) == b"x" * 1000
    assert refusal(read_bytes, path, "a file", 999) == "is larger than 0.000999 MB, the most that is read of a file"


def test_a_file_without_a_size_stops_there_as_well():
    """Files of /proc say that they have 0 bytes."""
    if not Path("/proc/kallsyms").is_file():
        pytest.skip("no file system of processes")
    assert "larger than" in refusal(read_bytes, Path("/proc/kallsyms"), "a file", 1000)


def test_text_is_utf_8_without_nul(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"\xef\xbb\xbftitle = 1")
    assert read_text(path) == "title = 1"
    path.write_bytes(b"title = \xe9")
    assert refusal(read_text, path) == "is not UTF-8 text (byte 8)"
    path.write_bytes(b"title\0")
    assert refusal(read_text, path) == "is not text: a NUL character at position 5"


@pytest.mark.parametrize("text", ["[" * 100_000, "x = 1\nx = 2", "x = " + "9" * 5000, "x = " + "[" * 10_000, "= 1"])
def test_toml_that_is_none_is_refused_in_a_line(tmp_path, text):
    (tmp_path / "file").write_text(text)
    assert refusal(read_toml, tmp_path / "file").startswith("not valid TOML")


def test_every_reader_of_a_users_file_keeps_to_the_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "MOST_BYTES", 100)
    monkeypatch.setattr(read_text, "__defaults__", ("a file", 100))
    monkeypatch.setattr(read_toml, "__defaults__", ("a file", 100))
    long = tmp_path / "long.toml"
    long.write_text("# " + "x" * 200)
    with pytest.raises(SheetError, match="larger than"):
        read_design(long)
    with pytest.raises(ScenarioError, match="larger than"):
        load_site(long)
    for arguments in (["check", str(long)], ["run", str(long)]):
        answer = CliRunner().invoke(app, arguments)
        assert answer.exit_code == 2 and "larger than" in answer.output


@pytest.mark.parametrize("name", ["/dev/zero", "pipe", "folder", "latin", "nul", "none"])
@pytest.mark.parametrize(
    "command",
    [
        ["check"],
        ["run"],
        ["compare"],
        ["predict"],
        ["cluster", "script"],
        ["plate"],
        ["calibrate"],
        ["check", str(SHIPPED), "--set"],
        ["run", str(SHIPPED), "--engine", "dask", "--cluster", "slurm", "--site"],
    ],
    ids=lambda command: " ".join(command[:2])[:20] + command[-1][-6:],
)
def test_a_file_that_is_none_ends_a_command_in_one_line(tmp_path, monkeypatch, command, name):
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    Path("folder").mkdir()
    Path("latin").write_bytes(b"title = \xe9\n")
    Path("nul").write_bytes(b"title = 1\0\n")
    given = f'catalogue=["{name}"]' if command[-1] == "--set" else name
    answer = CliRunner().invoke(app, [*command, given])
    assert answer.exit_code == 2, answer.output
    assert answer.exception is None or isinstance(answer.exception, SystemExit), answer.output
    assert len(answer.stderr.strip().splitlines()) == 1 and name in answer.stderr
