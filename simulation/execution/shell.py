"""Text of shell scripts for batch systems: any legal path or value as one word on one line, and where a job's log goes.

A batch system reads directives (#SBATCH ...) from a script line by line, some of them from every line, and each has its
own rules for quotes. So no line break ever appears in a script, and a path appears in a directive only if it needs no
quotes; the log of a job with any other path is opened by the script itself.
Limits   every path and value arrives unchanged                      (tests/run/test_scripts.py)
         nothing is imported from the folder that a job starts in    (tests/run/test_scripts.py)
"""

import os
import re
import shlex
import sys
from pathlib import Path

from adccsim.execution.site import Site

_PLAIN = re.compile(r"[A-Za-z0-9_./][A-Za-z0-9_./+@:,=-]*")
_VARIABLE = re.compile(r"\$(\w+|\{\w+\})", re.ASCII)
# Of a single job and of a task of an array: what tells its log from the others'.
_JOB_IDS = {
    "slurm": ("$SLURM_JOB_ID", "${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID"),
    "pbs": ("$PBS_JOBID", "$PBS_JOBID"),
    "lsf": ("$LSB_JOBID", "${LSB_JOBID}_$LSB_JOBINDEX"),
    "sge": ("$JOB_ID", "$JOB_ID.$SGE_TASK_ID"),
}
NO_LOG = {"slurm": "--output=/dev/null", "pbs": "-o /dev/null", "lsf": "-o /dev/null", "sge": "-o /dev/null"}


def quoted(*words: str) -> str:
    """Words as bash reads them back, on one line: line breaks and bytes that are not text become escapes in $'...'."""
    return " ".join(shlex.quote(word) if word.isprintable() else _escaped(word) for word in words)


def _escaped(word: str) -> str:
    def escape(sign: str) -> str:
        return sign if sign.isascii() and sign.isprintable() and sign not in "'\\" else _octal(sign)

    return f"$'{''.join(map(escape, word))}'"


def _octal(sign: str) -> str:
    return "".join(f"\\{byte:03o}" for byte in os.fsencode(sign))


def with_variables(text: str) -> str:
    """One word in which $NAME, ${NAME} and a leading ~/ are expanded by the shell, and nothing else is."""
    home = '"$HOME"/' if text.startswith("~/") else ""
    rest = text.removeprefix("~/") if home else text
    place, parts = 0, []
    for found in _VARIABLE.finditer(rest):
        parts += [rest[place : found.start()], f'"{found.group()}"']
        place = found.end()
    parts.append(rest[place:])
    return home + "".join(quoted(part) if number % 2 == 0 and part else part for number, part in enumerate(parts))


def python() -> str:
    """The command of this Python for a script; with -P it imports nothing from the folder that the job starts in."""
    return quoted(sys.executable, "-P")


def prologue(site: Site) -> list[str]:
    """Lines before the work of a job: the kernel cache and what the site asks for."""
    cache = [f"export ADCCSIM_CACHE_DIR={with_variables(site.cache_dir)}"] if site.cache_dir else []
    return [*cache, *site.prologue]


def fits_directive(path: Path) -> bool:
    """Whether a path means itself in a directive of every batch system, without quotes."""
    return _PLAIN.fullmatch(str(path)) is not None


def log_redirection(system: str, folder: Path, array: bool) -> str:
    """The line that sends the output of a job to a log of its own in `folder`."""
    return f'exec >>{quoted(f"{folder}/adcc-")}"{_JOB_IDS[system][array]}.log" 2>&1'
