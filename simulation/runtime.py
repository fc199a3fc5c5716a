"""Settings that numba and its threads need before they start: cache directory, thread counts, waiting policy.

Why      A compiled kernel that numba keeps on disk does not notice an edit in another file that it inlines, and would
         go on giving the old numbers. So the directory carries a digest of every kernel source: an edited law meets an
         empty directory. And OpenMP threads that spin while they wait slow down everything else on a shared machine.
Where    `$ADCCSIM_CACHE_DIR`, else `<temporary directory>/adccsim-<user>`, a private directory on the node itself;
         inside it `numba-<digest>`.
Trust    Numba unpickles and executes what it finds there. So each of these directories, and what is in them, belongs
         to the user or to root and no other user can write to it or replace a directory above them.
Limits   same sources -> same directory; one edited byte, another numba or Python -> another   (tests/test_runtime.py)
         a directory or file that another user could have written is refused                   (tests/test_runtime.py)
"""

import getpass
import hashlib
import os
import platform
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import NoReturn

_PACKAGE = Path(__file__).parent
# Address space of an analysis with figures: 1.7 GiB on two cores. Each core's thread sets some aside, mostly unused.
_BASE_BYTES, _CORE_BYTES = 2 << 30, 128 << 20
KERNEL_PACKAGES = ("biology", "well", "xenograft")
_POSIX = hasattr(os, "getuid")
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
_ADVICE = "remove or chmod it, or set ADCCSIM_CACHE_DIR to a directory that only you can write to"


class RuntimeSettingsError(RuntimeError):
    """The machine does not offer what a run needs, with a sentence that a user can act on."""


def configure(threads: int = 1) -> Path:
    """Prepare this process, and those that it starts, for compiled kernels; return the cache directory.

    Call it before the kernels are imported; a second call with the same sources changes nothing. `threads` (at least
    1) is what one run may use. Raises RuntimeSettingsError as cache_directory does.
    """
    if threads < 1:
        raise ValueError(f"threads: {threads} is not at least 1")
    directory = cache_directory()
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


def cache_directory() -> Path:
    """The directory of the compiled kernels of these sources, created with mode 0700 if it is missing.

    Raises RuntimeSettingsError, in one line, if it cannot be created or written, or if another user could have written
    it or anything in it: compiled kernels are code.
    """
    directory = cache_root() / f"numba-{kernel_digest()}"
    with _one_line():
        _create_private(directory)
        _check_contents(directory)
    # Numba would silently use __pycache__ next to the sources instead, which does not notice an edited law.
    if not os.access(directory, os.R_OK | os.W_OK | os.X_OK):
        raise RuntimeSettingsError(f"no permission to write to the cache directory {directory}; {_ADVICE}")
    return directory


def cache_root() -> Path:
    """The directory that holds all compiled kernels of this user, created with mode 0700 if it is missing.

    Raises RuntimeSettingsError if it cannot be created, if another user could change it or, for the default one in the
    temporary directory, if it is open to others in any way.
    """
    chosen = os.environ.get("ADCCSIM_CACHE_DIR")
    user = os.getuid() if _POSIX else getpass.getuser()
    with _one_line():
        root = Path(chosen or Path(tempfile.gettempdir()) / f"adccsim-{user}").absolute()
        _check_above(root)
        _create_private(root)
        if _POSIX and not chosen and root.lstat().st_mode & 0o077:
            _refuse(root, f"is not a private directory (mode {_mode(root.lstat())})")
    return root.resolve()


@contextmanager
def _one_line() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise RuntimeSettingsError(
            f"cannot create a cache directory ({error.strerror}: {error.filename}); {_ADVICE}"
        ) from None


def _check_above(path: Path) -> None:
    """Create missing directories above `path` (mode 0700); raise if another user could replace one that is there."""
    for above in reversed(path.parents):
        try:
            state = above.lstat()
        except FileNotFoundError:
            above.mkdir(mode=0o700, exist_ok=True)
            state = above.lstat()
        if not _POSIX:
            continue
        if state.st_uid not in (os.getuid(), 0, _unmapped_user()):
            _refuse(above, f"belongs to user {state.st_uid}")
        if stat.S_ISLNK(state.st_mode):  # the mode of a link means nothing; what it points to counts
            with suppress(FileNotFoundError):  # what it points to is made
                above.stat()  # raises for links that lead back to themselves
            _check_above(above.parent / os.readlink(above) / "cache")
        elif state.st_mode & _OTHERS_WRITE and not state.st_mode & stat.S_ISVTX:
            _refuse(above, f"can be written by other users (mode {_mode(state)}, not sticky)")


def _create_private(directory: Path) -> None:
    """Create a directory (mode 0700), or check that the one that is there can only be written by this user or root."""
    with suppress(FileExistsError):  # a dangling link, too: it is refused below
        directory.mkdir(mode=0o700)
    state = directory.lstat()
    if stat.S_ISLNK(state.st_mode):
        _refuse(directory, "is a link, not a private directory")
    if not stat.S_ISDIR(state.st_mode):
        _refuse(directory, "is a file, not a directory")
    if _POSIX:
        _check_owner(directory, state)
        if state.st_mode & _OTHERS_WRITE:
            _refuse(directory, f"can be written by other users (mode {_mode(state)})")


def _check_contents(directory: Path) -> None:
    """Raise if anything in a cache directory is a link, or another user owns it or could write it."""
    if not _POSIX:
        return
    reachable = directory.lstat().st_mode & 0o011
    for folder, folders, files in os.walk(directory):
        for path in (Path(folder, name) for name in (*folders, *files)):
            try:
                state = path.lstat()
            except FileNotFoundError:  # another process has just given a kernel its final name
                continue
            _check_owner(path, state)
            if stat.S_ISLNK(state.st_mode):
                _refuse(path, "is a link")
            # With a umask of 002 numba's own files can be written by a group, which cannot reach them if this is 0700.
            if reachable and state.st_mode & _OTHERS_WRITE:
                _refuse(path, f"can be written by other users (mode {_mode(state)})")


def _check_owner(path: Path, state: os.stat_result) -> None:
    if state.st_uid not in (os.getuid(), 0):
        _refuse(path, f"belongs to user {state.st_uid}")


def _refuse(path: Path, why: str) -> NoReturn:
    raise RuntimeSettingsError(f"cache of compiled kernels: {path} {why}; {_ADVICE}")


def _mode(state: os.stat_result) -> str:
    return f"{stat.S_IMODE(state.st_mode):04o}"


@cache
def _unmapped_user() -> int:
    """Who owns the files of root in a user namespace without it (a container), else root itself.

    Only for directories above the cache: there nothing shows whether such a directory belongs to root.
    """
    try:
        ranges = [int(line.split()[2]) for line in Path("/proc/self/uid_map").read_text().splitlines()]
        if sum(ranges) < 2**32 - 1:
            return int(Path("/proc/sys/kernel/overflowuid").read_text())
    except (OSError, ValueError, IndexError):
        pass
    return 0


def kernel_digest(package: Path = _PACKAGE) -> str:
    """16 hex digits over every source file of biology and of the engines, and the versions that compile them."""
    digest = hashlib.sha256()
    for word in (platform.python_version(), version("numba"), version("numpy")):
        digest.update(word.encode() + b"\0")
    for path in sorted(file for name in KERNEL_PACKAGES for file in (package / name).rglob("*.py")):
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
