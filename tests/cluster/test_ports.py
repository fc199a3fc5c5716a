"""No port of a run takes a stranger: every listening socket of driver and workers is looked at while runs are held."""

import json
import stat

import pytest
from distributed.security import Security

from tests.cluster.drivers import adcc, finished, parent, start
from tests.cluster.ports import answer_to_http, answer_to_tls, family, listening
from tests.cluster.sweeps import text
from tests.gate import ENDS, Gate, until

PAGES = ("/", "/health", "/metrics", "/json/counts.json", "/info/main/workers.html")  # that Dask serves by itself


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    """Certificate and key of somebody else, made in the same way."""
    security, folder = Security.temporary(), tmp_path_factory.mktemp("stranger")
    (folder / "certificate").write_text(security.tls_client_cert)
    (folder / "key").write_text(security.tls_client_key)
    return folder / "certificate", folder / "key"


def strangers_are_refused(ports, stranger) -> tuple[int, int]:
    """Assert that each port wants a certificate of this run, or serves no page to this machine; how many of each."""
    web = {port for port in ports if answer_to_http(port).startswith(b"HTTP/")}
    for port in web:
        assert port.is_loopback, port
        for path in PAGES:
            assert b" 404 " in answer_to_http(port, path).split(b"\r\n")[0], (port, path)
    for port in ports - web:
        assert answer_to_tls(port) == "TLSV13_ALERT_CERTIFICATE_REQUIRED", port
        assert answer_to_tls(port, *stranger) == "TLSV1_ALERT_UNKNOWN_CA", port
    return len(ports - web), len(web)


@pytest.fixture
def gate(tmp_path):
    return Gate(tmp_path / "gate", ENDS)


def test_dask_on_one_machine_listens_on_loopback_and_wants_a_certificate(gate, stranger, tmp_path):
    (tmp_path / "sweep.toml").write_text(text(replicates=1))
    out = tmp_path / "out"
    driver = start("dask", tmp_path / "sweep.toml", out, gate)
    gate.wait_for(1)
    until(lambda: len(listening(family(driver.pid))) >= 8, "the scheduler and two workers listen")
    ports = listening(family(driver.pid))
    assert all(port.is_loopback for port in ports), ports
    # TLS: the scheduler, two nannies and two workers; without a page: the web servers of scheduler and workers.
    assert strangers_are_refused(ports, stranger) == (5, 3)
    assert not list((out / "jobs").glob("tls-*")), "no key is written to a disk"
    gate.open()
    said, _ = driver.communicate()
    assert driver.returncode == 0 and finished(out) == 7, said


@pytest.mark.slow
def test_dask_on_slurm_speaks_tls_with_a_key_that_is_gone_afterwards(slurm, gate, stranger, tmp_path):
    (tmp_path / "sweep.toml").write_text(text(replicates=1))
    site = tmp_path / "site.toml"
    site.write_text(f"wall_time_h = 0.5\nmemory_gb = 0.9\nworkers = 1\nprologue = {json.dumps(gate.exports())}\n")
    out = tmp_path / "a results\nfolder"
    driver = adcc(slurm, "run", tmp_path / "sweep.toml", "--out", out, "--engine", "dask", "--cluster", "slurm",
                  "--site", site)  # fmt: skip
    held = gate.wait_for(1)[0]
    job = listening(family(parent(parent(held.pid))))  # the nanny, the worker and the process of the run
    scheduler = listening(family(driver.pid))
    strangers_are_refused(scheduler | job, stranger)
    # A port that listens with IPv4 and IPv6 is two of these: a scheduler, a worker, its nanny, and two web servers.
    assert len({port.number for port in scheduler}) == 2, scheduler
    assert len({port.number for port in job}) == 3, job
    (folder,) = (out / "jobs").glob("tls-*")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    ours = folder / "certificate.pem", folder / "key.pem"
    assert {answer_to_tls(port, *ours) for port in job if not port.is_loopback} == {"accepted"}, (
        "those who hold the key"
    )
    gate.open()
    said, _ = driver.communicate()
    assert driver.returncode == 0 and finished(out) == 7, said
    assert not list((out / "jobs").glob("tls-*"))
    assert [path for path in (out / "jobs").glob("adcc-*.log")], "the log of the job"
