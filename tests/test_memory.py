"""Memory that is freed goes back to the system."""

import ctypes
import subprocess
import sys

import pytest

PROGRAM = """
import resource
import numpy as np
from adccsim.memory import give_back

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()

arrays = [np.ones(100_000, np.uint8) for _ in range(2000)]  # below the size that is mapped by itself
kept = arrays[::50]  # freed memory lies between what is used
del arrays
before = resident()
give_back()
print(before, resident())
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="not the C library of GNU")
def test_freed_memory_between_used_memory_goes_back():
    answer = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    before, after = map(int, answer.stdout.split())
    assert before - after > 100e6  # of 196 MB freed
