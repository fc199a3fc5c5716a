"""Settings of every test: kernels compiled into a directory of this source state, and examples that repeat."""

from hypothesis import settings

from simulation import runtime

# Before any test module imports a kernel; see simulation/runtime.py.
runtime.configure(threads=1)

settings.register_profile("repeatable", derandomize=True, deadline=None, max_examples=50)
settings.load_profile("repeatable")
