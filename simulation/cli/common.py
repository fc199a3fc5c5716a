"""What every command shares: exit codes, and errors as one line each."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

import click

from adccsim import console

DONE, SOME_FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 128


@contextmanager
def error_lines() -> Iterator[None]:
    """Turn what a user can correct, and a signal, into plain lines and an exit code. The one place that knows both."""
    try:
        yield
    except (click.exceptions.Exit, click.ClickException, BrokenPipeError):
        raise  # BrokenPipeError: who read the output has closed it, as `head` does
    except Exception as error:
        code = _exit_code_of(error)
        if code is None:
            raise
        raise click.exceptions.Exit(code) from None


def _exit_code_of(error: Exception) -> int | None:
    """Print what an error says and return the exit code; None, and nothing printed, for one that is not expected.

    The classes are imported here, after the fact: no command waits for those that it does not meet.
    """
    if isinstance(error, OSError) and lacks_memory(error):
        return None
    from adccsim.experiments.errors import ArgumentError, ExperimentError, InputError, Interrupted

    if isinstance(error, ArgumentError):
        raise click.BadParameter(str(error))
    if isinstance(error, Interrupted):
        console.note(error.kept)
        return INTERRUPTED + error.signal
    if isinstance(error, ExperimentError):
        console.errors(error.lines)
        return BAD_INPUT if isinstance(error, InputError) else SOME_FAILED
    return _exit_code_of_runs(error)


def _exit_code_of_runs(error: Exception) -> int | None:
    """As _told, for errors of the packages below the experiments."""
    from adccsim.execution.errors import ClusterError
    from adccsim.execution.folder import FolderError
    from adccsim.execution.provenance import StateError
    from adccsim.parameters.lookup import CatalogueError
    from adccsim.runtime import RuntimeSettingsError
    from adccsim.scenario.errors import ScenarioError

    if isinstance(error, ScenarioError | CatalogueError | StateError):
        console.errors(error.errors)
        return BAD_INPUT
    if isinstance(error, FolderError | RuntimeSettingsError):
        console.errors([error])
        return BAD_INPUT
    if isinstance(error, ClusterError):  # finished runs are kept
        console.errors([error])
        return SOME_FAILED
    if isinstance(error, OSError):  # a full disk, a folder that went away: finished runs are kept
        console.errors([f"{error.filename or 'results'}: {error.strerror or error}"])
        return SOME_FAILED
    return None


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
