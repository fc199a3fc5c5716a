"""The saved tumour of a study that branches: copied into the study's folder, so that it is complete."""

import os
import shutil
from pathlib import Path
from uuid import uuid4

from adccsim.execution.folder import checkpoint_file, set_aside
from adccsim.scenario.xenograft.branch import CheckpointError, read_meta


def bring_saved_tumour(source: Path, out_dir: Path) -> str:
    """Copy a checkpoint to DIR/checkpoints under the name of its content, if it is not there yet.

    Returns a line that says what was wrong with an earlier copy, which is set aside; "" if there was nothing.
    """
    content = read_meta(source)["content"]
    target, reason = checkpoint_file(out_dir / "checkpoints", content), ""
    if target.exists():
        try:
            if read_meta(target)["content"] == content:
                return ""
            reason = "holds another tumour"
        except CheckpointError as error:
            reason = str(error)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.{uuid4().hex}.part")
    try:
        shutil.copyfile(source, part)
        if reason:  # only now, because another shard may be reading what it has put here in the meantime
            kept = set_aside(out_dir, target).relative_to(out_dir)
            reason = f"{target.relative_to(out_dir)}: {reason}; set aside as {kept} and copied again"
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)
    return reason
