"""Wrong arguments of every command end it in words: exit code 2 or 1, no traceback."""

import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from simulation.cli import app

SHIPPED = str(Path(__file__).parents[1] / "scenarios" / "adcc_protocol.toml")
NAMES = (
    "x" * 5000,
    "a" * 300,
    "we\nird\x1b[0m é.toml",
    "",
    ".",
    "/",
    "pipe",
    "loop",
    "file/below",
    "~",
    "--",
    "\udcff",
)
NUMBERS = ("-1", "0", "nan", "1e9", "x", "", "9" * 40)


def answer(arguments):
    found = CliRunner().invoke(app, arguments)
    assert found.exception is None or isinstance(found.exception, SystemExit), (arguments, found.exception)
    assert all(line.isprintable() for line in found.output.splitlines()), arguments
    return found.exit_code


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    Path("loop").symlink_to("loop")
    Path("file").write_text("x", encoding="utf-8")
    Path("we\nird\x1b[0m é.toml").write_text("schema = 1", encoding="utf-8")


@pytest.mark.parametrize(
    "command",
    [
        *(["check"], ["run"], ["plate"], ["analyse"], ["status"], ["compare"], ["predict"], ["calibrate"]),
        *(["sensitivity"], ["cluster", "script"], ["list"], ["schema"], ["analyse", "file", "--out"]),
        ["run", SHIPPED, "--engine", "dask", "--cluster", "slurm", "--site"],
        ["plate", "file", "--map"],
    ],
    ids=lambda command: " ".join(part[-12:] for part in command),
)
def test_odd_names_of_files(command):
    for name in NAMES:
        if name == "--":
            continue
        if command[-1] in ("predict", "cluster") and name == "":
            continue
        assert answer([*command, name]) in (1, 2), name


@pytest.mark.parametrize("option", ["--workers", "--threads", "--timeout", "--shard"])
def test_numbers_that_are_none(option):
    """Nothing begins, for the scenario is wrong as well."""
    for value in NUMBERS:
        assert answer(["run", SHIPPED, option, value, "--set", "assay.readout=none"]) == 2, value
    assert answer(["run", SHIPPED, "--workers", "1000000000", "--set", "assay.readout=none"]) == 2


@pytest.mark.parametrize(
    "arguments",
    [
        *(["teach", "--port", value] for value in (*NUMBERS, "65536")),
        *(["teach", "--sessions", value] for value in NUMBERS),
        *(["init", name] for name in ("x\ny" + "z" * 300, "no/such/folder/x", "x" * 300)),
        ["init", "x", "--from", "none"],
        ["analyse", "file", "--control", "x"],
        ["list", "cell-lines", "--name", ""],
        ["cluster", "script", SHIPPED, "--cluster", "none"],
        ["run", SHIPPED, "--engine", "dask", "--cluster", "tcp://"],
        ["run", SHIPPED, "--engine", "none"],
        ["run", SHIPPED, "--out", "file", "--shard", "0/1000000"],
        ["run", SHIPPED, "--out", "file/below", "--shard", "0/1000000"],
        ["run", SHIPPED, "--out", "x" * 5000, "--shard", "0/1000000"],
        ["run", SHIPPED, "--out", "loop", "--shard", "0/1000000"],
    ],
    ids=lambda arguments: " ".join(part[-12:] for part in arguments).encode("unicode_escape").decode(),
)
def test_other_arguments(arguments):
    assert answer(arguments) in (1, 2)
