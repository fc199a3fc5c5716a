"""Settings that numba and its threads need before they start: cache directory, thread counts, waiting policy.

Why      A compiled kernel that numba keeps on disk does not notice an edit in another file that it inlines, and would
         go on giving the old numbers. So the directory carries a digest of every kernel source: an edited law meets an
         empty directory. And OpenMP threads that spin while they wait slow down everything else on a shared machine.
Where    `$ADCCSIM_CACHE_DIR`, else `<temporary directory>/adccsim-<user>`, a private directory on the node itself;
         inside it `numba-<digest>`.
Limits   same sources -> same directory; one edited byte, another numba or Python -> another   (tests/test_runtime.py)
"""

import getpass
import hashlib
import os
import platform
import stat
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

_PACKAGE = Path(__file__).parent
# Address space of an analysis with figures: 1.7 GiB on two cores. Each core's thread sets some aside, mostly unused.
_BASE_BYTES, _CORE_BYTES = 2 << 30, 128 << 20
KERNEL_ROOMS = ("biology", "well", "xenograft")


class RuntimeSettingsError(RuntimeError):
    """The machine does not offer what a run needs, with a sentence that a user can act on."""


def configure(threads: int = 1) -> Path:
    """Prepare this process, and those that it starts, for compiled kernels; return the cache directory.

    Call it before the kernels are imported; a second call with the same sources changes nothing. `threads` (at least
    1) is what one run may use. Raises RuntimeSettingsError when the cache directory belongs to somebody else or cannot
    be made: files in it are code, so a stranger's directory is never used.
    """
    if threads < 1:
        raise ValueError(f"threads: {threads} is not at least 1")
    directory = cache_root() / f"numba-{kernel_digest()}"
    try:
        directory.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise RuntimeSettingsError(f"cannot make the cache directory {directory}: {error.strerror}") from None
    os.environ["NUMBA_CACHE_DIR"] = str(directory)
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    numba = sys.modules.get("numba")
    if numba is None:
        os.environ["NUMBA_NUM_THREADS"] = str(threads)
    else:
        # Numba looks for the cache whenever a kernel is declared. Its number of threads may only go down now, and not
        # by the environment: it reads that again with every compilation and refuses a change.
        numba.config.CACHE_DIR = str(directory)
        if threads < numba.config.NUMBA_NUM_THREADS:
            numba.set_num_threads(threads)
    return directory


def cache_root() -> Path:
    """The directory that holds all compiled kernels of this user, made with mode 0700 if it is not there.

    Raises RuntimeSettingsError when it cannot be made or, for the default one in the temporary directory, when it is a
    link, belongs to another user or is open to others.
    """
    chosen = os.environ.get("ADCCSIM_CACHE_DIR")
    user = os.getuid() if hasattr(os, "getuid") else getpass.getuser()
    try:
        root = Path(chosen) if chosen else Path(tempfile.gettempdir()) / f"adccsim-{user}"
        root.mkdir(mode=0o700, parents=bool(chosen), exist_ok=True)
        state = root.lstat()
    except OSError as error:
        raise RuntimeSettingsError(
            f"cannot make a cache directory ({error.strerror}: {error.filename}); set ADCCSIM_CACHE_DIR"
        ) from None
    if not chosen and hasattr(os, "getuid"):
        private = stat.S_ISDIR(state.st_mode) and state.st_uid == user and not state.st_mode & 0o077
        if not private:
            raise RuntimeSettingsError(
                f"{root} is not a private directory of this user (mode 0700); remove it or set ADCCSIM_CACHE_DIR"
            )
    return root.resolve()


def kernel_digest(package: Path = _PACKAGE) -> str:
    """16 hex digits over every source file of biology and of the engines, and the versions that compile them."""
    digest = hashlib.sha256()
    for word in (platform.python_version(), version("numba"), version("numpy")):
        digest.update(word.encode() + b"\0")
    for path in sorted(file for room in KERNEL_ROOMS for file in (package / room).rglob("*.py")):
        source = path.read_bytes()
        digest.update(f"{path.relative_to(package).as_posix()}\0{len(source)}\0".encode())
        digest.update(source)
    return digest.hexdigest()[:16]


def address_space() -> int | None:
    """Bytes of address space that this process may use at most (ulimit -v); None where there is no limit."""
    try:
        import resource
    except ImportError:  # no POSIX limits
        return None
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    return None if limit == resource.RLIM_INFINITY else limit


def address_space_needed() -> int:
    """Bytes of address space with which an analysis, or compiling a kernel, does not end this process."""
    return _BASE_BYTES + _CORE_BYTES * cores()


def short_of_address_space() -> bool:
    """Whether the limit on address space is below what is needed."""
    limit = address_space()
    return limit is not None and limit < address_space_needed()


def require_address_space(what: str) -> None:
    """Raises RuntimeSettingsError where this process is short of address space.

    Libraries of compiled code end the process, some with a segmentation fault, where they are given no memory while
    they load: that cannot be caught, so it is asked for before.
    """
    if short_of_address_space():
        need, limit = address_space_needed(), address_space()
        raise RuntimeSettingsError(
            f"{what} needs {need >> 20:,} MiB of address space and the limit is {limit >> 20:,} MiB: "
            f"raise it with `ulimit -v {need >> 10}`"
        )


def cores() -> int:
    """Cores that this process may use; at least 1."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0)) or 1
    return os.cpu_count() or 1
