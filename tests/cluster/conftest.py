"""A Slurm that is started once for all tests that want one, and the undisturbed sweep that they are compared with."""

import os

import pytest

from tests.cluster.slurm import Slurm, missing


@pytest.fixture(scope="session")
def slurm(tmp_path_factory):
    """A Slurm of two nodes. Where it is not installed tests are skipped, or fail if ADCCSIM_REQUIRE_SLURM is set."""
    lacking = missing()
    if lacking:
        why = f"Slurm is not installed: no {', '.join(lacking)} (Debian: slurmctld slurmd slurm-client munge)"
        if os.environ.get("ADCCSIM_REQUIRE_SLURM"):
            pytest.fail(why)
        pytest.skip(why)
    with Slurm(tmp_path_factory.mktemp("slurm")) as running:
        yield running
