"""Provenance: what state of model and catalogue a number comes from, and whether that state is committed."""

import hashlib
import subprocess
from collections.abc import Iterable, Sequence
from importlib import resources
from pathlib import Path

from adccsim.parameters import lookup
from adccsim.version import WELL_MODEL

PACKAGE = Path(__file__).resolve().parents[1]


class StateError(RuntimeError):
    """The state that a prediction would name is not committed; `errors` holds one line per error."""

    def __init__(self, errors: Sequence[str]) -> None:
        super().__init__("\n".join(errors))
        self.errors = tuple(errors)


def state_hash(overlays: Iterable[Path] = ()) -> str:
    """12 hex digits over the model version, the shipped catalogue and the overlays, in the order given."""
    digest = hashlib.sha256(WELL_MODEL.encode())
    shipped = resources.files("adccsim.parameters")
    files = [shipped.joinpath(f"{kind}.toml") for kind in lookup.KINDS] + list(overlays)
    for file in files:
        content = file.read_bytes()
        digest.update(f"\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()[:12]


def committed_state(files: Sequence[Path]) -> str:
    """The commit of the checkout that this program runs from, with nothing changed in the program or in `files`.

    Raises StateError where there is no such commit: no git, no checkout, or changes and new files next to it.
    """
    root = PACKAGE.parent
    errors, commit = [], _git(root, "rev-parse", "HEAD")
    if commit is None or not (root / ".git").exists():
        raise StateError([f"{root}: not a git checkout; a prediction names the commit that it was made with"])
    watched = [PACKAGE, root / "analysis", *(Path(file).resolve() for file in files)]
    outside = [path for path in watched if root not in path.parents]
    errors += [f"{path}: not in the checkout {root}, so no commit holds it" for path in outside]
    inside = [str(path) for path in watched if path not in outside]
    changed = _git(root, "status", "--porcelain", "--untracked-files=all", "--", *inside)
    errors += [f"{line[3:]}: not committed; commit it first" for line in (changed or "").splitlines()]
    if errors:
        raise StateError(errors)
    return commit.strip()


def _git(root: Path, *arguments: str) -> str | None:
    """What git prints, or None where it fails or is not there."""
    try:
        done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=False)
    except OSError:
        return None
    return done.stdout if done.returncode == 0 else None
