"""Scenarios of finished studies: rebuilt from what study.json holds, so that a study can be run again from itself."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from adccsim.reading import UnreadableError, parse_toml
from adccsim.scenario.errors import NO_VALUE, Invalid, ScenarioError
from adccsim.scenario.load import scenario_from_dict
from adccsim.scenario.tables import Loaded

# The runs do not depend on them, and the files that they name are not part of a study.
_NOT_OF_THE_RUNS = ("compare", "calibrate", "sensitivity")


def scenario_of_study(info: Mapping[str, Any], where: str, more_sets: Sequence[str] = ()) -> Loaded:
    """The scenario of a study.json, with its overlays and --set values, and further ones after them.

    where: names the study in errors.

    Raises ScenarioError, also for a study that branches from a saved tumour, which is not part of the record.
    """
    text = str(info.get("scenario") or "")
    if not text:
        raise ScenarioError([Invalid(where, NO_VALUE, "study.json holds no scenario; run it from its scenario file")])
    try:
        raw = parse_toml(text)
    except UnreadableError as error:
        raise ScenarioError([Invalid(where, NO_VALUE, f"the scenario in study.json: {error}")]) from None
    if raw.get("branch"):
        message = "branches from a saved tumour; run it from its scenario file, which says where that is"
        raise ScenarioError([Invalid(where, NO_VALUE, message)])
    overlays = {str(name): str(content) for name, content in (info.get("overlays") or {}).items()}
    stored = tuple(str(each) for each in info.get("sets") or ())
    for name in _NOT_OF_THE_RUNS:
        raw.pop(name, None)
    laid = [each for each in stored if each.split(".")[0].split("=")[0].strip() not in (*_NOT_OF_THE_RUNS, "catalogue")]
    with tempfile.TemporaryDirectory(prefix="adccsim-") as folder:
        # In a folder of their own: a file that more_sets names, even one of the same name, is the user's.
        Path(folder, "stored").mkdir()
        for name, content in overlays.items():
            Path(folder, "stored", name).write_text(content, encoding="utf-8")
        raw["catalogue"] = [f"stored/{name}" for name in overlays]
        scenario = scenario_from_dict(raw, [*laid, *more_sets], Path(folder), text)
        texts = scenario.overlay_texts
    scenario._origin = replace(scenario._origin, sets=(*stored, *more_sets), overlay_texts=texts, folder=Path())
    return scenario
