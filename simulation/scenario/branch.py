"""Branch: what a saved tumour says of itself, read without loading it.

A checkpoint is an uncompressed zip archive: meta.json, then one member per array (written by record/checkpoint.py).
"""

import hashlib
import json
import zipfile
from pathlib import Path

META = "meta.json"
CHECKPOINT_SCHEMA = 2


class CheckpointError(ValueError):
    """A file that is no usable checkpoint; str() is one plain line."""


def read_meta(path: Path) -> dict:
    """What the checkpoint says of itself: schema, run_id, tick, condition, ... and `content`, a digest of every byte of
    its arrays. Raises CheckpointError."""
    try:
        with zipfile.ZipFile(path) as archive:
            meta = json.loads(archive.read(META))
            sums = sorted((item.filename, item.CRC, item.file_size) for item in archive.infolist())
    except FileNotFoundError:
        raise CheckpointError("no such file") from None
    except (OSError, KeyError, ValueError, zipfile.BadZipFile):
        raise CheckpointError("not a checkpoint, or one that was cut short") from None
    if not isinstance(meta, dict) or meta.get("schema") != CHECKPOINT_SCHEMA:
        raise CheckpointError(f"a checkpoint of another layout; this program reads {CHECKPOINT_SCHEMA}")
    return {**meta, "content": hashlib.sha256(json.dumps(sums).encode()).hexdigest()[:16]}
