"""Stopping a long run between two steps: what it holds is saved before the process obeys the signal."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopRequest:
    """Which signal asked a run to stop, None so far."""

    def __init__(self) -> None:
        self.number: int | None = None

    def handle(self, number: int, frame: object) -> None:
        """Signal handler: only note the signal."""
        self.number = number


@contextmanager
def stop_request() -> Iterator[StopRequest]:
    """Within it, SIGINT and SIGTERM are only noted; at the end the earlier handlers are back, and get what was noted.

    Signals that were ignored stay ignored. Outside the main thread nothing is caught.
    """
    request, before = StopRequest(), {}
    try:
        for number in _SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                try:
                    before[number] = signal.signal(number, request.handle)
                except ValueError:
                    break
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if request.number is not None:
        signal.raise_signal(request.number)
