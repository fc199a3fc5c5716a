"""What every command shares: the application, exit codes, and faults told in one line each."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
import typer.core

from simulation import __version__, console
from simulation.text import printable

DONE, SOME_FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 128


class Commands(typer.core.TyperGroup):
    """The group of all commands: what it says of a wrong argument holds no character that a terminal acts on."""

    def make_context(self, *args: object, **extra: object) -> object:
        with _escaped():
            return super().make_context(*args, **extra)

    def invoke(self, ctx: object) -> object:
        with _escaped():
            return super().invoke(ctx)


@contextmanager
def _escaped() -> Iterator[None]:
    """Escape the message of a usage error on its way to the one place that prints it."""
    try:
        yield
    except Exception as error:
        if hasattr(error, "format_message"):
            message = printable(error.format_message())
            error.format_message = lambda: message
        raise


app = typer.Typer(
    name="adcc",
    cls=Commands,
    help="Antibody-dependent cellular cytotoxicity, cell by cell: a scenario file in, lysis statistics out.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

ScenarioFile = Annotated[str, typer.Argument(metavar="FILE", help="scenario file (TOML), or the name of a shipped one")]
Sets = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="override one key of the file; may be repeated")
]


@contextmanager
def plain_faults() -> Iterator[None]:
    """Turn what a user can mend into one line per fault and exit code 2."""
    from simulation.catalogue.lookup import CatalogueError
    from simulation.run.errors import ClusterError
    from simulation.run.folder import FolderError
    from simulation.runtime import RuntimeSettingsError
    from simulation.scenario.faults import ScenarioError

    try:
        yield
    except (ScenarioError, CatalogueError) as error:
        console.faults(error.faults)
        raise typer.Exit(BAD_INPUT) from None
    except (FolderError, RuntimeSettingsError) as error:
        console.faults([error])
        raise typer.Exit(BAD_INPUT) from None
    except ClusterError as error:  # finished runs are kept
        console.faults([error])
        raise typer.Exit(SOME_FAILED) from None
    except BrokenPipeError:  # who read the output has closed it, as `head` does
        raise
    except OSError as error:  # a full disk, a folder that went away: finished runs are kept
        if lacks_memory(error):
            raise
        console.faults([f"{error.filename or 'results'}: {error.strerror or error}"])
        raise typer.Exit(SOME_FAILED) from None


def lacks_memory(error: BaseException) -> bool:
    """Whether an error says that the system gave no memory: to an array, a thread, or a library that was loaded."""
    text = str(error)
    return (
        isinstance(error, MemoryError)
        or (isinstance(error, OSError) and error.errno in (errno.ENOMEM, errno.EAGAIN))
        or (isinstance(error, ImportError) and ("failed to map" in text or "cannot allocate" in text.lower()))
        or (isinstance(error, RuntimeError) and "can't start new thread" in text)
        or "Failed to launch worker thread" in text
        or "std::bad_alloc" in text
    )


def _version(wanted: bool) -> None:
    if wanted:
        console.say(__version__)
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="print the version")
    ] = False,
) -> None:
    pass
