"""Settings of every test: kernels compiled into a directory of this source state, and examples that repeat."""

import os

from hypothesis import settings

from simulation import runtime

# Tables are as wide as in a file, whatever the terminal; parallel tests have a width of their own.
os.environ.pop("COLUMNS", None)
# Before any test module imports a kernel; see simulation/runtime.py.
runtime.configure(threads=1)

settings.register_profile("repeatable", derandomize=True, deadline=None, max_examples=50)
settings.load_profile("repeatable")
