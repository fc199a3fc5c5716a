"""Wrong arguments of every command end it in words: exit code 2 or 1, no traceback."""

import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from adccsim.cli import COMMANDS, app
from adccsim.cli.arguments import Command

HELP = Path(__file__).parent / "golden" / "help.txt"
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
        *(["new", kind, "x", "--from", "none"] for kind in ("antibody", "cell-line")),
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


def test_the_help_of_every_command_is_as_it_was(monkeypatch):
    """Whatever the version of click. After a change on purpose: write `shown` to the file."""
    monkeypatch.setenv("COLUMNS", "80")
    calls = [[], *([name] for name in COMMANDS), ["new", "cell-line"], ["new", "antibody"], ["cluster", "script"]]
    shown = "\n".join(CliRunner().invoke(app, [*call, "--help"]).stdout for call in calls)
    assert shown == HELP.read_text(encoding="utf-8")


def test_a_missing_command_or_no_argument_at_all_shows_help():
    for arguments in ([], ["cluster"], ["new"]):
        found = CliRunner().invoke(app, arguments)
        assert (found.exit_code, found.stderr.splitlines()[0].split()[0]) == (2, "Usage:")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["runn"], "No such command 'runn'. Did you mean 'run'?"),
        ([""], "No such command ''."),
        (["run"], "Missing argument 'FILE'."),
        (["compare"], "Missing argument 'FILE...'."),
        (["check", "a", "b", "c"], "Got unexpected extra argument(s) (b c)"),
        (["run", "a", "--worker", "1"], "No such option: --worker (Possible options: --workers)"),
        (["run", "a", "--out"], "Option '--out' requires an argument."),
        (["run", "a", "--check=1"], "Option '--check' does not take a value."),
        (["run", "a", "--workers", "0"], "Invalid value for '--workers': Input should be greater than or equal to 1"),
        (["teach", "--port", "99999"], "Invalid value for '--port': Input should be less than or equal to 65535"),
        (
            ["run", "a", "--timeout", "nan"],
            "Invalid value for '--timeout': Input should be greater than or equal to 0.001",
        ),
        (["run", "a", "--shard", "x\x1b"], "Invalid value: 'x\\x1b' is not i/k with i from 0 to k - 1, like 0/4"),
        (
            ["run", "a", "--workers", "1e3"],
            "Invalid value for '--workers': Input should be a valid integer, unable to parse string as an integer",
        ),
        (
            ["run", "a", "--timeout", "long"],
            "Invalid value for '--timeout': Input should be a valid number, unable to parse string as a number",
        ),
    ],
)
def test_what_is_said_of_a_wrong_argument(arguments, message):
    found = CliRunner().invoke(app, arguments)
    assert (found.exit_code, found.stderr.splitlines()[-1]) == (2, f"Error: {message}")


def test_an_interrupt_ends_a_command_with_its_own_code(monkeypatch):
    def interrupted(command, ctx):
        raise KeyboardInterrupt

    monkeypatch.setattr(Command, "invoke", interrupted)
    assert CliRunner().invoke(app, ["list"]).exit_code == 130
