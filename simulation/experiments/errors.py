"""What can end an experiment: input that cannot be used, runs that failed, a signal. Each carries lines of plain text.

Nothing heavy is imported here: the command line looks at these classes whenever an error reaches it.
"""

from collections.abc import Iterable


class ExperimentError(Exception):
    """An experiment without a result. `lines`: what is wrong, one sentence each; str() has one line per sentence."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.lines = tuple(lines)
        super().__init__("\n".join(self.lines))


class InputError(ExperimentError):
    """What was given cannot be used: a scenario without the table that is needed, a sheet with errors, a folder."""


class ArgumentError(InputError):
    """Two arguments that do not go together; one line."""


class IncompleteStudy(InputError):
    """Runs that cannot be analysed as they are: controls or mice are missing, or two conditions would be averaged."""


class ResultError(ExperimentError):
    """Runs were made, or were there, and give no result. Finished runs are kept."""


class RunsFailed(ResultError):
    """Runs failed, and there is no result without them. Finished runs are kept."""


class Interrupted(ExperimentError):
    """A signal stopped the work. `signal`: its number; `kept`: what is left of the work and how to continue."""

    def __init__(self, signal: int, kept: str) -> None:
        self.signal, self.kept = signal, kept
        super().__init__([kept])
