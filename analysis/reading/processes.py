"""Work of an analysis spread over processes: the results of a function, in order, as if it had been mapped.

Each process is a fresh interpreter, so a script that asks for several has to be importable: what it does stands below
`if __name__ == "__main__"`.
Limits   any number of processes gives the same results in the same order     (tests/analysis/reading/test_processes.py)
"""

import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context

AHEAD = 3  # pieces of work for each process that are given out or done and not fetched: memory stays flat


def in_order[Item, Result](
    function: Callable[[Item], Result], items: Iterable[Item], processes: int = 1
) -> Iterator[Result]:
    """function(item) for every item, in order. With one process it is called here, and items are taken one by one.

    What the processes have not done when one of them is lost is done here.
    """
    if processes < 2:
        yield from map(function, items)
        return
    waiting: deque[tuple[Item, Future | None]] = deque()
    with ProcessPoolExecutor(processes, get_context("spawn"), _begin) as pool:
        for item in items:
            waiting.append((item, _given(pool, function, item)))
            if len(waiting) >= AHEAD * processes:
                yield _fetched(function, *waiting.popleft())
        while waiting:
            yield _fetched(function, *waiting.popleft())


def _begin() -> None:
    # Ctrl-C reaches the whole terminal group; whoever waits for the results decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _given[Item](pool: ProcessPoolExecutor, function: Callable, item: Item) -> Future | None:
    try:
        return pool.submit(function, item)
    except BrokenProcessPool:
        return None


def _fetched[Item, Result](function: Callable[[Item], Result], item: Item, future: Future | None) -> Result:
    try:
        return function(item) if future is None else future.result()
    except BrokenProcessPool:
        return function(item)
