"""Run cases, each in a forked process of its own, under a time and a memory limit; say how each one ended.

A case is a function without arguments. The harness has every module of the product loaded, so a fork costs a few
milliseconds, and a case that hangs, crashes or changes a global takes only its own process along. What a case prints
and what it returns (pickled) come back with the way it ended.
"""

import os
import pickle
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

CPU_LIMIT_S = 60  # of processor time, far above what a case takes: what is still running then hangs
LIMIT_S = 300.0  # of wall time, for what waits without working; long, so that a busy machine is no hang
MEMORY_BYTES = 2 << 30  # largest resident set; more is counted as a hang: on a smaller machine it would be one
SPACE_BYTES = 4 << 30  # address space beyond the harness's own, so that reading without end stops in time
LOOK_S = 0.005
TEXT_BYTES = 200_000

ACCEPTED, REFUSED, TRACEBACK, HANG, CRASH, SILENT = (
    "accepted", "refused cleanly", "traceback", "hang", "crash", "refused without a line",
)  # fmt: skip
OUTCOMES = (ACCEPTED, REFUSED, TRACEBACK, HANG, CRASH, SILENT)
FORBIDDEN = (TRACEBACK, HANG, CRASH, SILENT)


@dataclass(frozen=True)
class Ended:
    """How a case ended: exit code (negative: signal, None: stopped at the limit), what it printed and returned."""

    code: int | None
    text: str
    value: object
    seconds: float  # of processor time
    peak_bytes: int

    @property
    def outcome(self) -> str:
        """One of OUTCOMES. Exit codes: 0 accepted, 1 and 2 refused; a refusal says why in at least one line."""
        if self.code in (None, -signal.SIGXCPU) or self.peak_bytes > MEMORY_BYTES:
            return HANG
        if "Traceback (most recent call last)" in self.text or "RecursionError" in self.text:
            return TRACEBACK
        if self.code < 0 or self.code not in (0, 1, 2):
            return CRASH
        if self.code == 0:
            return ACCEPTED
        return REFUSED if self.text.strip() else SILENT


@dataclass
class _Running:
    place: int
    process: int
    began: float
    text: Path
    value: Path


def run_all(
    cases: Iterable[Callable[[], object]],
    scratch: Path,
    processes: int = 2,
    limit_s: float = LIMIT_S,
    cpu_limit_s: float | None = None,
) -> Iterator[tuple[int, Ended]]:
    """Run every case; yields (its place, how it ended) as they end, in any order. cpu_limit_s: None is CPU_LIMIT_S."""
    cpu_limit_s = int(cpu_limit_s or CPU_LIMIT_S)
    scratch.mkdir(parents=True, exist_ok=True)
    running: dict[int, _Running] = {}
    waiting = enumerate(cases)
    exhausted = False
    try:
        while running or not exhausted:
            while not exhausted and len(running) < processes:
                place, case = next(waiting, (-1, None))
                if case is None:
                    exhausted = True
                else:
                    one = _start(place, case, scratch, cpu_limit_s)
                    running[one.process] = one
            ended = _collect(running, limit_s)
            if not ended:
                time.sleep(LOOK_S)
            yield from ended
    finally:
        for one in running.values():
            _kill(one.process)
            os.waitpid(one.process, 0)


def _start(place: int, case: Callable[[], object], scratch: Path, cpu_limit_s: int) -> _Running:
    text, value = scratch / f"{place}.text", scratch / f"{place}.value"
    sys.stdout.flush()
    sys.stderr.flush()
    began = time.monotonic()
    process = os.fork()
    if process == 0:
        _live(case, text, value, cpu_limit_s)
    return _Running(place, process, began, text, value)


def _live(case: Callable[[], object], text: Path, value: Path, cpu_limit_s: int) -> None:
    """The life of a child; never returns."""
    code = 1
    try:
        os.setsid()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        space = _mapped_bytes() + SPACE_BYTES
        resource.setrlimit(resource.RLIMIT_AS, (space, space))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_CPU, (cpu_limit_s, cpu_limit_s + 5))
        descriptor = os.open(text, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(descriptor, 1)
        os.dup2(descriptor, 2)
        sys.stdout = open(1, "w", encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
        try:
            found = case()
            code = 0
            value.write_bytes(pickle.dumps(found))
        except SystemExit as leaving:
            code = _exit_code(leaving)
        except BaseException:
            traceback.print_exc()
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


def _mapped_bytes() -> int:
    """The address space that this process holds already; a fork inherits gigabytes of it with the libraries."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def _exit_code(leaving: SystemExit) -> int:
    """The exit code that the interpreter makes of SystemExit."""
    if leaving.code is None:
        return 0
    if isinstance(leaving.code, int):
        return leaving.code & 0xFF
    print(leaving.code, file=sys.stderr)
    return 1


def _collect(running: dict[int, _Running], limit_s: float) -> list[tuple[int, Ended]]:
    found = []
    for process, one in list(running.items()):
        gone, status, used = os.wait4(process, os.WNOHANG)
        seconds = time.monotonic() - one.began
        if gone:
            code = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
        elif seconds > limit_s:
            _kill(process)
            _, _, used = os.wait4(process, 0)
            code = None
        else:
            continue
        _kill(process)  # what it started and left behind
        del running[process]
        found.append((one.place, _ended(one, code, used)))
    return found


def _ended(one: _Running, code: int | None, used: resource.struct_rusage) -> Ended:
    value = None
    if one.value.exists():
        value = pickle.loads(one.value.read_bytes())
        one.value.unlink()
    text = ""
    if one.text.exists():
        with one.text.open("rb") as file:
            text = file.read(TEXT_BYTES).decode("utf-8", errors="replace")
        one.text.unlink()
    return Ended(
        code, text, value, used.ru_utime + used.ru_stime, used.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    )


def _kill(process: int) -> None:
    """End a case with everything that it started: it leads a session of its own."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process, signal.SIGKILL)
