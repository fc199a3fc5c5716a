"""Settings of every test: kernels compiled into a directory of this source state, and examples that repeat."""

import os
import sys

import pytest
from hypothesis import settings

from adccsim import runtime

# Tables are as wide as in a file, whatever the terminal; parallel tests have a width of their own.
os.environ.pop("COLUMNS", None)
# Before any test module imports a kernel; see simulation/runtime.py.
runtime.configure(threads=1)

settings.register_profile("repeatable", derandomize=True, deadline=None, max_examples=50)
settings.load_profile("repeatable")


@pytest.fixture(scope="session", autouse=True)
def one_import_name():
    """The package has one import name. Under another one, a second copy of its modules would be tested in part."""
    yield
    assert not {"simulation", "analysis", "scenarios"} & sys.modules.keys()


def pytest_configure(config):
    """The mark below is known without pytest-xdist, too."""
    config.addinivalue_line("markers", "xdist_group(name): tests that stay in one process with --dist loadgroup")


# Files whose slow tests take minutes each: they begin first, so that no process computes alone at the end.
LONGEST = ("test_oracle", "test_recovery")


def pytest_collection_modifyitems(items):
    """For `--dist loadgroup`: tests of one file stay in one process, and so do all that share a Slurm or a browser.

    Those of the oracle share nothing and take minutes each: they go wherever there is a free process.
    """
    items.sort(key=lambda item: not (item.path.stem in LONGEST and item.get_closest_marker("slow")))
    for item in items:
        folder, name = item.path.parent.name, item.path.stem
        group = folder if folder in ("cluster", "teaching") else item.nodeid if name == "test_oracle" else name
        item.add_marker(pytest.mark.xdist_group(group))
