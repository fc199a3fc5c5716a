"""The result of the last analysis, taken again while nothing that it was made from has changed.

A second call of a finished study should answer at once.  What counts as unchanged: study.json, the names, sizes and
times of the run files, the record of failed runs, the sources of this package, and every file that was written.
"""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

STAMP = "tables/.made_from.json"
_WORDS = {"run_id": str, "plate": str}


def inputs_digest(out_dir: Path) -> str:
    """Digest of everything that an analysis of out_dir depends on; 64 hexadecimal digits."""
    digest = hashlib.sha256()
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    record = out_dir / "study.json"
    digest.update(record.read_bytes() if record.is_file() else b"none")
    for path in [*sorted((out_dir / "runs").rglob("*.h5")), *sorted((out_dir / "failed").glob("*.json"))]:
        state = path.stat()
        digest.update(f"{path.relative_to(out_dir)} {state.st_size} {state.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def remember(out_dir: Path, digest: str, problems: list[str], headline: pd.DataFrame, written: Iterable[Path]) -> None:
    """Note what the analysis with this digest said and wrote."""
    names = sorted(str(path.relative_to(out_dir)) for path in written)
    record = {
        "digest": digest,
        "problems": problems,
        "headline": {"columns": list(headline.columns), "rows": headline.to_numpy().tolist()},
        "title": headline.attrs.get("title", ""),
        "written": names,
    }
    (out_dir / STAMP).write_text(json.dumps(record, indent=1), encoding="utf-8")


def recall(out_dir: Path) -> dict | None:
    """{tables, figures, problems, headline} of the last analysis if it still holds, else None."""
    try:
        record = json.loads((out_dir / STAMP).read_text(encoding="utf-8"))
        if record["digest"] != inputs_digest(out_dir):
            return None
        paths = [out_dir / name for name in record["written"]]
        if not all(path.is_file() for path in paths):
            return None
        headline = pd.DataFrame(record["headline"]["rows"], columns=record["headline"]["columns"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    headline.attrs["title"] = record["title"]
    tables = {path.stem: _read(path) for path in paths if path.suffix == ".csv"}
    figures = [path for path in paths if path.suffix in (".png", ".svg")]
    return {"tables": tables, "figures": figures, "problems": record["problems"], "headline": headline}


def _read(path: Path) -> pd.DataFrame:
    table = pd.read_csv(path, dtype=_WORDS)
    table["note"] = table["note"].fillna("")
    return table
