"""Who may talk to the scheduler and the workers of a run: only processes that hold the key of this run.

Whoever reaches a Dask port can run code as its user. So each run creates a key and a certificate, every connection is
TLS in which both sides show them, and they end with the run. Processes of this machine get them from their parent; jobs
read them from a directory of the results folder that only its owner can enter. Dask's web servers, which cannot be
switched off and know no password, listen on the loopback interface and serve no page.
Limits   no port takes an unauthenticated client            (tests/cluster/test_ports.py)
         the certificate is valid from now on: the clocks of nodes agree within the seconds that a job takes to start
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from adccsim.execution.errors import ClusterError
from adccsim.execution.shell import quoted

LOOPBACK = "127.0.0.1:0"  # any free port
NO_PAGES: dict[str, list[str]] = {"distributed.scheduler.http.routes": [], "distributed.worker.http.routes": []}
_PREFIX = "tls-"
_CERTIFICATE, _KEY = "certificate.pem", "key.pem"


def settings() -> dict[str, object]:
    """Settings of Dask with a new key and its certificate, in memory. Raises ClusterError without `cryptography`."""
    from distributed.security import Security

    try:
        security = Security.temporary()
    except ImportError:
        raise ClusterError("cryptography is not installed: pip install 'adccsim[cluster]'") from None
    found: dict[str, object] = {"distributed.comm.require-encryption": True}
    for role in ("client", "scheduler", "worker"):
        tls = security.get_tls_config_for_role(role)
        found["distributed.comm.tls.ca-file"] = tls["ca_file"]
        found |= {f"distributed.comm.tls.{role}.{name}": tls[name] for name in ("cert", "key")}
    return found


@contextmanager
def private_directory() -> Iterator[dict[str, str]]:
    """Settings with a temporary directory for Dask (mode 0700), removed at the end.

    Schedulers and workers import from theirs; by default it is in /tmp, where another user may have made it.
    """
    with tempfile.TemporaryDirectory(prefix="adcc-dask-", ignore_cleanup_errors=True) as made:
        yield {"temporary-directory": made}


@contextmanager
def files_for_jobs(tls: dict[str, object], folder: Path) -> Iterator[Path]:
    """Key and certificate in a new directory below `folder` (mode 0700, files 0600), which is removed at the end.

    Those of a driver that was killed go, too: its jobs have ended.
    """
    for left in folder.glob(f"{_PREFIX}*"):
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=_PREFIX, dir=folder, ignore_cleanup_errors=True) as made:
        for name, what in ((_CERTIFICATE, "cert"), (_KEY, "key")):
            path = Path(made, name)
            path.touch(mode=0o600)
            path.write_text(str(tls[f"distributed.comm.tls.worker.{what}"]), encoding="ascii")
        yield Path(made)


def job_lines(made: Path) -> list[str]:
    """Lines of a job script that hand the files of files_for_jobs to Dask, and a private directory.

    As contents, since Dask takes a path with a line break for contents; others cannot see the environment of a process.
    """
    certificate, key = (f'"$(cat {quoted(str(made / name))})"' for name in (_CERTIFICATE, _KEY))
    values = {
        "COMM__REQUIRE_ENCRYPTION": "True",
        "COMM__TLS__CA_FILE": certificate,
        "COMM__TLS__WORKER__CERT": certificate,
        "COMM__TLS__WORKER__KEY": key,
        "WORKER__HTTP__ROUTES": "'[]'",
    }
    scratch = ['export DASK_TEMPORARY_DIRECTORY="$(mktemp -d)"', "trap 'rm -rf \"$DASK_TEMPORARY_DIRECTORY\"' EXIT"]
    return [*scratch, *(f"export DASK_DISTRIBUTED__{name}={value}" for name, value in values.items())]
