"""Imported by Python at its start wherever PYTHONPATH holds this folder: the part of tests.gate.Gate in each process.

Before a file is opened or renamed whose path matches, the process says so in the folder of the gate and waits until the
test releases it or opens the gate, or until it has noted a request to stop (adccsim.execution.stopping).
"""

import os
import re
import signal
import sys
import time

_FOLDER, _AT = (
    os.environ.get("ADCCSIM_TEST_GATE", ""),
    re.compile(
        os.environ.get("ADCCSIM_TEST_GATE_AT", "(?!)"),
        re.DOTALL,  # a path may hold a line break
    ),
)
_POINTS = {"open": 0, "os.rename": 1}  # audit event -> which of its arguments is the path


def _asked_to_stop() -> bool:
    handler = signal.getsignal(signal.SIGTERM)
    return getattr(getattr(handler, "__self__", None), "number", None) is not None


def _wait_at_the_gate(event: str, arguments: tuple) -> None:
    if event not in _POINTS or not isinstance(path := arguments[_POINTS[event]], str | os.PathLike):
        return
    point = f"{event} {os.fspath(path)}"
    if not _AT.search(point):
        return
    name = f"{event}-{os.path.basename(path).partition('.')[0]}"
    mark = os.path.join(_FOLDER, f"{name}.{os.getpid()}")
    os.close(os.open(mark, os.O_CREAT))
    while not any(os.path.exists(os.path.join(_FOLDER, go)) for go in ("open", f"{name}.go")) and not _asked_to_stop():
        time.sleep(0.01)
    os.replace(mark, f"{mark}.passed")


if _FOLDER:
    sys.addaudithook(_wait_at_the_gate)
