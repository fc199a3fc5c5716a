"""Arguments and options of the commands: how they are declared, read, refused and shown in a help text.

Click parses. What is our own: arguments have a help text, types have short names, and a command is imported when it is
called, so that `adcc list` does not pay for `adcc calibrate`.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from difflib import get_close_matches
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from adccsim.text import printable

_WHOLE = re.compile(r"[+-]?[0-9](_?[0-9])*(\.0+)?")


# -- types of values ------------------------------------------------------------------------------------------------


class Text(click.ParamType):
    """Any text."""

    name, of = "str", str

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return value


class File(click.ParamType):
    """The path of a file or folder, which need not be there."""

    name, of = "path", Path

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        return Path(value)


class Whole(click.IntRange):
    """A whole number from `min` to `max`."""

    name = "int range"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, str):
            if not _WHOLE.fullmatch(value.strip()):
                self.fail("Input should be a valid integer, unable to parse string as an integer", param, ctx)
            value = int(value.partition(".")[0])
        return _bounded(self, value, param, ctx)


class Real(click.FloatRange):
    """A number from `min` to `max`."""

    name = "float range"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            value = float(value)
        except ValueError:
            self.fail("Input should be a valid number, unable to parse string as a number", param, ctx)
        return _bounded(self, value, param, ctx)


def _bounded(kind: click.IntRange | click.FloatRange, value: Any, param: Any, ctx: Any) -> Any:
    if kind.min is not None and not value >= kind.min:  # nan is not
        kind.fail(f"Input should be greater than or equal to {kind.min}", param, ctx)
    if kind.max is not None and not value <= kind.max:
        kind.fail(f"Input should be less than or equal to {kind.max}", param, ctx)
    return value


TEXT, PATH = Text(), File()


# -- arguments, options, commands -----------------------------------------------------------------------------------


class Argument(click.Argument):
    """An argument with a help text."""

    def __init__(self, *declarations: Any, help: str, metavar: str, **attributes: Any) -> None:
        super().__init__(*declarations, metavar=metavar, **attributes)
        self.help = help

    def make_metavar(self, ctx: click.Context) -> str:
        shown = f"{{{self.metavar}}}" if self.required else f"[{self.metavar}]"
        return shown + ("..." if self.nargs != 1 else "")

    def get_error_hint(self, ctx: click.Context | None) -> str:
        return f"'{self.metavar}'"

    def get_help_record(self, ctx: click.Context) -> tuple[str, str]:
        notes = ["required"] if self.required else []
        if isinstance(self.default, str):
            notes = [f"default: {self.default}"]
        return f"{self.metavar} <{self.type_name}>", self.help + (f"  [{'; '.join(notes)}]" if notes else "")

    @property
    def type_name(self) -> str:
        """The type of the value; a list where there may be several."""
        return f"list[{self.type.of.__name__}]" if self.nargs != 1 else self.type.name


class Option(click.Option):
    """An option; the help text shows its default and the type of its value."""

    def make_metavar(self, ctx: click.Context) -> str:
        return self.metavar or f"<{self.type.name}>"


class Command(click.Command):
    """A command whose help text lists its arguments before its options."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        _write_parameters(self, ctx, formatter)

    def format_arguments(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Nothing: click from 8.5 on would list the arguments a second time."""


class Commands(click.Group):
    """A group whose commands are imported when they are called. places: name -> "module:attribute", in order.

    What it says of a wrong argument holds no character that a terminal acts on.
    """

    def __init__(self, *, places: Mapping[str, str], **attributes: Any) -> None:
        super().__init__(**attributes)
        self.places = places

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.places)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.places:
            return None
        module, _, attribute = self.places[cmd_name].partition(":")
        return getattr(import_module(module), attribute)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list]:
        if args[0] not in self.places and not args[0].startswith("-"):
            close = get_close_matches(args[0], self.places)
            hint = f". Did you mean {', '.join(map(repr, close))}?" if close else "."
            ctx.fail(f"No such command {args[0]!r}{hint}")
        return super().resolve_command(ctx, args)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        _write_parameters(self, ctx, formatter)
        self.format_commands(ctx, formatter)

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        with _plain_usage_errors():
            return super().make_context(*args, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        with _plain_usage_errors():
            return super().invoke(ctx)


def _write_parameters(command: click.Command, ctx: click.Context, formatter: click.HelpFormatter) -> None:
    parameters = command.get_params(ctx)
    for heading, kind in (("Arguments", click.Argument), ("Options", click.Option)):
        rows = [each.get_help_record(ctx) for each in parameters if isinstance(each, kind)]
        if rows:
            with formatter.section(heading):
                formatter.write_dl(rows)


@contextmanager
def _plain_usage_errors() -> Iterator[None]:
    """Say what is wrong with arguments in our words, escaped, whatever the version of click."""
    try:
        yield
    except KeyboardInterrupt:
        raise click.exceptions.Exit(130) from None
    except click.exceptions.NoArgsIsHelpError:
        raise
    except click.ClickException as error:
        error.show = partial(_show, error)
        raise


def _show(error: click.ClickException, file: object = None) -> None:
    """Print a usage error: how the command is used, and what is wrong."""
    ctx = getattr(error, "ctx", None)
    if ctx is not None:
        click.echo(f"{ctx.get_usage()}\nTry '{ctx.command_path} -h' for help.\n", err=True)
    click.echo(f"Error: {printable(_message(error))}", err=True)


def _message(error: click.ClickException) -> str:
    if isinstance(error, click.NoSuchOption):
        close = f" (Possible options: {', '.join(sorted(error.possibilities))})" if error.possibilities else ""
        return f"No such option: {error.option_name}{close}"
    return re.sub(r"^(Got unexpected extra argument)s? \(", r"\1(s) (", error.format_message())


command = partial(click.command, cls=Command)
argument = partial(click.argument, cls=Argument)
option = partial(click.option, cls=Option)

scenario_file = argument("file", type=TEXT, metavar="FILE", help="scenario file (TOML), or the name of a shipped one")
sets = option("--set", "sets", type=TEXT, metavar="KEY=VALUE", multiple=True,
              help="override one key of the file; may be repeated")  # fmt: skip
workers = option("--workers", type=Whole(min=1), help="processes; default one per core")
out_of_file = option("--out", type=PATH, help="results folder; default results/<name of the file>")
site_file = option("--site", type=PATH, metavar="SITE.toml", help="partition, wall time, memory, ...")
