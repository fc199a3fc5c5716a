"""The saved tumour of a study that branches: copied into the study's folder, so that the folder stands by itself."""

import os
import shutil
from pathlib import Path
from uuid import uuid4

from simulation.scenario.branch import read_meta
from simulation.scenario.xenograft_resolve import checkpoint_path
from simulation.scenario.xenograft_schema import XenograftScenario


def bring_saved_tumour(scenario: XenograftScenario, out_dir: Path) -> None:
    """Copy the checkpoint of [branch] to DIR/checkpoints under the name of its content, if it is not there yet."""
    if scenario.branch is None:
        return
    source = checkpoint_path(scenario)
    target = out_dir / "checkpoints" / f"{read_meta(source)['content']}.ckpt"
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.{uuid4().hex}.part")
    shutil.copyfile(source, part)
    os.replace(part, target)
