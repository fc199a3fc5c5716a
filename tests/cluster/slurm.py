"""A Slurm for a test: a controller and two nodes of one core each on this machine, with ports and files of its own."""

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

from tests.gate import until

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel", "sinfo", "scontrol")
NODES = 2
_PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])

# cred_expire is also the time that a requeued job has to wait, by default 120 s.
_CONFIGURATION = """
ClusterName=small
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket,cred_expire=20
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=sched_interval=1,batch_sched_delay=0
MaxArraySize=100001
MaxJobCount=200000
ReturnToService=2
KillWait=120
MinJobAge=36000
JobRequeue=1
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
"""


def missing() -> list[str]:
    """Programs of Slurm that are not installed."""
    return [program for program in PROGRAMS if shutil.which(program, path=_PATH) is None]


class Slurm:
    """A running Slurm; `environment` is what its commands need. Use as a context manager."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.environment = os.environ | {"SLURM_CONF": str(folder / "slurm.conf"), "PATH": _PATH}
        self._pids: list[int] = []

    def __enter__(self) -> "Slurm":
        (self.folder / "munge").mkdir(parents=True, mode=0o700)
        (self.folder / "state").mkdir()
        self._write_configuration()
        key = self.folder / "munge" / "key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o400)
        munge = self.folder / "munge"
        files = {"key-file": "key", "socket": "socket", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}
        self.call("munged", "--force", *(f"--{option}={munge / name}" for option, name in files.items()))
        try:
            self.call("slurmctld")
            for number in range(1, NODES + 1):
                self.call("slurmd", "-N", f"n{number}")
            until(lambda: self.call("sinfo", "-h", "-o", "%T %D").strip() == f"idle {NODES}", "nodes of Slurm are idle")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        subprocess.run(["scancel", "--full", "--state=RUNNING"], env=self.environment, capture_output=True, check=False)
        subprocess.run(["scancel", "--state=PENDING"], env=self.environment, capture_output=True, check=False)
        try:
            until(lambda: not self.call("squeue", "-h"), "the queue of Slurm is empty")
        finally:
            for name in (*(f"slurmd-n{n}.pid" for n in range(1, NODES + 1)), "slurmctld.pid", "munge/pid"):
                path = self.folder / name
                if path.exists():
                    os.kill(int(path.read_text()), 15)
                    until(lambda path=path: not path.exists(), f"the end of {name}")

    def call(self, *words: str) -> str:
        """Standard output of a command of Slurm. Raises AssertionError if it fails."""
        answer = subprocess.run(words, env=self.environment, capture_output=True, text=True, check=False)
        assert answer.returncode == 0, f"{' '.join(words)}: {answer.stderr or answer.stdout}"
        return answer.stdout

    def submit(self, script: str, *options: str) -> str:
        """Submit the text of a script; its job id."""
        path = self.folder / f"job-{time.monotonic_ns()}.sh"
        path.write_text(script)
        return self.call("sbatch", "--parsable", *options, str(path)).strip()

    def jobs(self, name: str = "adcc") -> dict[str, tuple[str, str]]:
        """Job id -> (state, node) of jobs in the queue, of this name."""
        rows = [line.split("|") for line in self.call("squeue", "-h", "-r", "-n", name, "-o", "%i|%T|%N").splitlines()]
        return {row[0]: (row[1], row[2]) for row in rows}

    def shown(self, job: str, what: str) -> set[str]:
        """The values of one word of `scontrol show job`, of all tasks of a job."""
        words = self.call("scontrol", "-d", "show", "job", job).split()
        return {word.partition("=")[2] for word in words if word.startswith(f"{what}=")}

    def _write_configuration(self) -> None:
        names = {"host": socket.gethostname().partition(".")[0], "user": _user(), "folder": self.folder}
        ports = _free_ports(NODES + 1)
        lines = [_CONFIGURATION.format(port=ports[0], **names).strip()]
        memory = 1000 * NODES
        for number in range(1, NODES + 1):
            node = f"NodeName=n{number} NodeHostname={names['host']} NodeAddr=127.0.0.1 Port={ports[number]}"
            lines.append(f"{node} CPUs=1 RealMemory={memory} State=UNKNOWN")
        nodes = f"Nodes=n[1-{NODES}] MaxTime=INFINITE State=UP DefMemPerCPU=1000"
        lines.append(f"PartitionName=main {nodes} Default=YES PriorityTier=10")
        lines.append(f"PartitionName=scavenge {nodes} PriorityTier=1 PreemptMode=REQUEUE")
        (self.folder / "slurm.conf").write_text("\n".join(lines) + "\n")


def _user() -> str:
    import pwd

    return pwd.getpwuid(os.getuid()).pw_name


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()
