"""Assets: the front-end files of the teaching page, fetched once, so that a class needs no network.

Why      The server of the page (Solara) takes its scripts, styles and fonts from a public web address when its cache
         lacks one, and without a network a browser then shows nothing. So the cache is filled beforehand, from the npm
         packages and versions that the installed Solara names, and the server is told that there is no other source.
Where    $SOLARA_ASSETS_PROXY_CACHE_DIR, else `adccsim/page` in the user's cache directory; about 14 MB.
Limits   one file gone or cut short -> missing() names it; filled -> no request leaves the machine
         (tests/teaching/test_assets.py, test_offline.py)
"""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

PREPARE = "adcc teach --prepare"
INDEX = "prepared.json"
NPM_TIMEOUT_S = 600
# The files of Solara that name what a browser will ask for: the page itself, and the settings (icons).
_NAMED_IN = ("server/templates/solara.html.j2", "server/settings.py")
_PACKAGE = re.compile(r"/?((?:@[a-z0-9-]+/)?[a-z][a-z0-9-]*)@(\d+\.\d+\.\d+[a-z0-9.-]*)/")
# A served page reads minified scripts, styles and fonts; sources, maps and the unminified twins stay behind.
_SERVED = re.compile(r"^(dist|css|fonts)/[^/]+\.(min\.js|css|woff2?|ttf|eot|svg|otf)$|^require\.js$")
# Nobody listens there: should a file be asked for that the cache lacks, the request ends on this machine.
_NOWHERE = "http://127.0.0.1:9/"


class AssetsError(RuntimeError):
    """The page's files cannot be had; one line that a user can act on."""


def cache_folder() -> Path:
    """The folder of the page's files; it need not exist."""
    chosen = os.environ.get("SOLARA_ASSETS_PROXY_CACHE_DIR")
    if chosen:
        return Path(chosen).expanduser().absolute()
    user = os.environ.get("XDG_CACHE_HOME")
    return (Path(user) if user else Path.home() / ".cache") / "adccsim" / "page"


def wanted() -> list[str]:
    """npm packages (name@version) that the installed Solara asks for, sorted. Solara itself is not imported.

    Raises AssetsError where Solara is not installed or names none.
    """
    spec = importlib.util.find_spec("solara")
    if spec is None or not spec.submodule_search_locations:
        raise AssetsError("the teaching page needs the packages of the extra: pip install 'adccsim[teach]'")
    root = Path(next(iter(spec.submodule_search_locations)))
    texts = [(root / name).read_text(encoding="utf-8") for name in _NAMED_IN if (root / name).is_file()]
    found = {f"{name}@{version}" for text in texts for name, version in _PACKAGE.findall(text)}
    # Solara names the packages of both generations of its widgets; ours are of the first (ipyvue below 2).
    found = {package for package in found if "vuetify3" not in package}
    if not found:
        raise AssetsError("the installed solara names no front-end packages; versions known to work: constraints.txt")
    return sorted(found)


def missing(folder: Path) -> list[str]:
    """What a page served from `folder` would lack: packages or files; empty when complete. Needs no network."""
    try:
        held = json.loads((folder / INDEX).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        held = {}
    lacking = []
    for package in wanted():
        files = held.get(package)
        if not files:
            lacking.append(package)
            continue
        for name, size in files.items():
            path = folder / package / name
            if not path.is_file() or path.stat().st_size != size:
                lacking.append(f"{package}/{name}")
    return lacking


def prepare(folder: Path) -> list[str]:
    """Fill `folder` with what the page needs; returns a line per package. What is complete stays untouched.

    Raises AssetsError when npm is not there or cannot reach its packages, or the folder cannot be written.
    """
    if not missing(folder):
        return [f"the page's files are complete in {folder}"]
    lines, held = [], {}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for package in wanted():
            held[package] = fetch(package, folder, _SERVED)
            lines.append(f"{package}: {len(held[package])} files, {sum(held[package].values()) / 1e6:.1f} MB")
        (folder / INDEX).write_text(json.dumps(held, indent=1), encoding="utf-8")
    except OSError as error:
        raise AssetsError(f"cannot write the page's files to {folder}: {error.strerror or error}") from None
    return [*lines, f"the page's files are complete in {folder}"]


def fetch(package: str, folder: Path, keep: re.Pattern) -> dict[str, int]:
    """Put those files of an npm package (name@version) whose path matches `keep` into folder/package.

    Returns file name -> bytes. npm finds the package by its own settings and checks its digest. The folder of the
    package appears complete or not at all. Raises AssetsError.
    """
    npm = shutil.which("npm")
    if npm is None:
        raise AssetsError("npm was not found; it fetches the page's files once (Debian: apt install npm)")
    with tempfile.TemporaryDirectory(prefix="adccsim-npm-") as work:
        archive = _packed(npm, package, Path(work))
        fresh = folder / f".{package.replace('/', '_')}.{os.getpid()}"
        sizes = {}
        try:
            with tarfile.open(archive) as tar:
                for member in tar:
                    _, _, name = member.name.partition("/")  # npm packs everything under one top folder
                    if member.isfile() and keep.search(name) and ".." not in Path(name).parts:
                        path = fresh / name
                        path.parent.mkdir(parents=True, exist_ok=True)
                        path.write_bytes(tar.extractfile(member).read())
                        sizes[name] = member.size
            if not sizes:
                raise AssetsError(f"npm package {package} holds none of the files that the page reads")
            shutil.rmtree(folder / package, ignore_errors=True)
            (folder / package).parent.mkdir(parents=True, exist_ok=True)
            fresh.rename(folder / package)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    return dict(sorted(sizes.items()))


def _packed(npm: str, package: str, work: Path) -> Path:
    """The archive of an npm package, written to `work`; npm's own cache goes there too and is not left behind."""
    patience = ["--fetch-retries", "2", "--fetch-retry-mintimeout", "1000"]
    command = [npm, "pack", package, "--silent", "--cache", str(work / "cache"), *patience]
    try:
        run = subprocess.run(
            command, cwd=work, capture_output=True, text=True, timeout=NPM_TIMEOUT_S, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise AssetsError(f"npm could not fetch {package}: {error}") from None
    archives = list(work.glob("*.tgz"))
    if run.returncode or not archives:
        raise AssetsError(f"npm could not fetch {package} (exit code {run.returncode}); is there a network?")
    return archives[0]


def settings(folder: Path) -> dict[str, str]:
    """Environment of the page's server, set before Solara is imported: files from `folder` alone, no telemetry."""
    return {
        "SOLARA_ASSETS_PROXY_CACHE_DIR": str(folder),
        "SOLARA_ASSETS_CDN": _NOWHERE,
        "SOLARA_TELEMETRY_MIXPANEL_ENABLE": "False",
    }


def refusal(folder: Path) -> str:
    """The line for a user who starts the page without its files; empty when nothing is missing."""
    lacking = missing(folder)
    if not lacking:
        return ""
    return f"the page's files are not in {folder} (first missing: {lacking[0]}); run `{PREPARE}` once, with a network"
