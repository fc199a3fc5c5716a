"""Study design file: how a study was conducted and by which rules it is analysed.

FILE.toml next to the caliper sheet FILE.csv; every table and key is optional:

    [study]          title, cell_line, strain, sex, randomisation, blinding, allocation_unit, end_point_rule, ethics
    [rules]          baseline_day, evaluation_day, endpoint_mm3, other_causes, loq_mm3, volume_formula, paired
    [arm."NAME"]     dose, route, schedule, drug
    [[combination]]  a, b, both: names of three arms (default: every arm called "A + B")
    [adcc_fraction]  antibody, fc_null: names of two arms (default: "NAME" and "NAME Fc-null")

The texts appear unchanged in the study design table of the report (items of the ARRIVE guidelines 2.0, Percie du Sert N
et al. PLoS Biol 2020;18:e3000410); missing items are printed as "not stated".
"""

from __future__ import annotations

import difflib
import json
import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from adccsim.analysis.errors import SheetError
from adccsim.analysis.growth.measures import LOQ_MM3
from adccsim.analysis.sheets.names import find_name, name_key
from adccsim.analysis.writing import write_text
from adccsim.reading import UnreadableError, read_toml

STUDY_ITEMS = (
    "title", "cell_line", "strain", "sex", "randomisation", "blinding", "allocation_unit", "end_point_rule", "ethics",
)  # fmt: skip
ARM_ITEMS = ("drug", "dose", "route", "schedule")
_RULES = ("baseline_day", "evaluation_day", "endpoint_mm3", "other_causes", "loq_mm3", "volume_formula", "paired")
ENDPOINT_MM3 = 1000.0
NOT_STATED = "not stated"


@dataclass(frozen=True)
class GrowthDesign:
    """Texts for the study design table and the rules of the analysis, with their defaults.

    baseline_day, evaluation_day: days, None for the rules of `measures`; endpoint_mm3: volume at which a mouse reaches
    its end point; other_causes: a mouse removed for ulceration or weight loss is censored ("censor") or counts as
    having reached its end point ("count"); volume_formula "half" or "ellipsoid"; paired: mice with the same name in
    several arms form a block (simulated with the same random numbers; never true of real mice).
    """

    study: dict[str, str] = field(default_factory=dict)
    arms: dict[str, dict[str, str]] = field(default_factory=dict)
    baseline_day: float | None = None
    evaluation_day: float | None = None
    endpoint_mm3: float = ENDPOINT_MM3
    other_causes: str = "censor"
    loq_mm3: float = LOQ_MM3
    volume_formula: str = "half"
    paired: bool = False
    combinations: tuple[tuple[str, str, str], ...] = ()
    adcc_fraction: tuple[str, str] | None = None

    def combinations_of(self, arms: list[str]) -> list[tuple[str, str, str]]:
        """(A, B, both) among the arms of a study: as stated, else every arm "A + B" whose parts are also arms."""
        if self.combinations:
            return [c for c in self.combinations if set(c) <= set(arms)]
        combinations = []
        for both in arms:
            parts = [find_name(part, arms) for part in both.split("+")]
            matched = [part for part in parts if part is not None]
            if len(parts) == len(matched) == 2:
                combinations.append((matched[0], matched[1], both))
        return combinations

    def spelt_as(self, arms: list[str]) -> GrowthDesign:
        """This design with its arms spelt as in a sheet; names that match no arm stay unchanged."""

        def spelling(name: str) -> str:
            return find_name(name, arms) or name

        pair = self.adcc_fraction
        return replace(
            self,
            arms={spelling(name): items for name, items in self.arms.items()},
            combinations=tuple((spelling(a), spelling(b), spelling(both)) for a, b, both in self.combinations),
            adcc_fraction=None if pair is None else (spelling(pair[0]), spelling(pair[1])),
        )

    def adcc_arms(self, arms: list[str]) -> tuple[str, str] | None:
        """(antibody, its Fc-null counterpart), as stated or by name; None if the study has no such pair."""
        if self.adcc_fraction is not None:
            return self.adcc_fraction if set(self.adcc_fraction) <= set(arms) else None
        keys = {name_key(arm): arm for arm in arms}
        pairs = [(keys[key.removesuffix("fc-null")], arm) for key, arm in keys.items() if key.endswith("fc-null")
                 and key.removesuffix("fc-null") in keys]  # fmt: skip
        return pairs[0] if len(pairs) == 1 else None


def read_design(path: Path) -> GrowthDesign:
    """Read FILE.toml; a missing file gives the defaults. Raises SheetError with one sentence per error."""
    if not path.is_file():
        return GrowthDesign()
    try:
        content = read_toml(path, "a study design file")
    except UnreadableError as error:
        raise SheetError([f"{path.name}: {error}"]) from None
    if "adcc_share" in content:  # its name up to 0.1.0
        content["adcc_fraction"] = content.pop("adcc_share")
    problems: list[str] = []
    _check_keys(content, ("study", "rules", "arm", "combination", "adcc_fraction"), "", problems)
    study = _texts(content.get("study", {}), STUDY_ITEMS, "study", problems)
    arms = {
        name: _texts(items, ARM_ITEMS, f"arm.{name}", problems)
        for name, items in _tables(content, "arm", problems).items()
    }
    rules = _rules(content.get("rules", {}), problems)
    listed = content.get("combination", [])
    combinations = [
        _names(entry, ("a", "b", "both"), f"combination {i + 1}", problems)
        for i, entry in enumerate(listed if isinstance(listed, list) else [listed])
    ]
    fraction = content.get("adcc_fraction")
    pair = _names(fraction, ("antibody", "fc_null"), "adcc_fraction", problems) if fraction is not None else None
    if problems:
        raise SheetError([f"{path.name}, {p}" for p in problems])
    return GrowthDesign(
        study=study,
        arms=arms,
        combinations=tuple((a, b, both) for a, b, both in combinations),
        adcc_fraction=(pair[0], pair[1]) if pair is not None else None,
        **rules,
    )


def write_design(design: GrowthDesign, path: Path) -> Path:
    """Write a design in the format of read_design, so that an exported sheet keeps its rules."""
    rules = {name: getattr(design, name) for name in _RULES}
    lines = ["[study]", *(f"{key} = {json.dumps(text, ensure_ascii=False)}" for key, text in design.study.items())]
    lines += ["", "[rules]", *(f"{key} = {json.dumps(value)}" for key, value in rules.items() if value is not None)]
    for arm, items in design.arms.items():
        lines += [
            "",
            f"[arm.{json.dumps(arm, ensure_ascii=False)}]",
            *(f"{key} = {json.dumps(text, ensure_ascii=False)}" for key, text in items.items()),
        ]
    for names in design.combinations:
        lines += ["", "[[combination]]"]
        lines += [
            f"{key} = {json.dumps(name, ensure_ascii=False)}"
            for key, name in zip(("a", "b", "both"), names, strict=True)
        ]
    if design.adcc_fraction is not None:
        lines += ["", "[adcc_fraction]"]
        lines += [f"{k} = {json.dumps(v)}" for k, v in zip(("antibody", "fc_null"), design.adcc_fraction, strict=True)]
    write_text(path, "\n".join(lines) + "\n")
    return path


def unknown_arms(design: GrowthDesign, arms: list[str]) -> list[str]:
    """One sentence for each name in the design that is not an arm of the sheet."""
    stated = [*design.arms, *(name for c in design.combinations for name in c), *(design.adcc_fraction or ())]
    missing = [name for name in dict.fromkeys(stated) if name not in arms]
    return [
        f"the study design file names the arm {name!r}; the arms of the sheet are {', '.join(arms)}" for name in missing
    ]


def _check_keys(table: object, allowed: tuple[str, ...], where: str, problems: list[str]) -> None:
    if not isinstance(table, dict):
        problems.append(f"{where}: must be a table")
        return
    for key in table:
        if key not in allowed:
            near = difflib.get_close_matches(key, allowed, n=1)
            hint = f"; did you mean {near[0]}?" if near else f"; must be one of {', '.join(allowed)}"
            problems.append(f"{where + '.' if where else ''}{key}: unknown key{hint}")


def _tables(content: dict, key: str, problems: list[str]) -> dict[str, dict]:
    table = content.get(key, {})
    if isinstance(table, dict) and all(isinstance(v, dict) for v in table.values()):
        return table
    problems.append(f'{key}: write it as [{key}."NAME"]')
    return {}


def _texts(table: object, allowed: tuple[str, ...], where: str, problems: list[str]) -> dict[str, str]:
    _check_keys(table, allowed, where, problems)
    if not isinstance(table, dict):
        return {}
    for key, value in table.items():
        if not isinstance(value, str | int | float) or isinstance(value, bool):
            problems.append(f"{where}.{key}: must be text")
    return {k: str(v) for k, v in table.items() if k in allowed}


def _names(table: object, keys: tuple[str, ...], where: str, problems: list[str]) -> tuple[str, ...]:
    _check_keys(table, keys, where, problems)
    if not isinstance(table, dict):
        return ()
    for key in keys:
        if not isinstance(table.get(key), str):
            problems.append(f"{where}.{key}: must be the name of an arm")
    return tuple(str(table.get(key, "")) for key in keys)


def _rules(table: object, problems: list[str]) -> dict[str, Any]:
    days, volumes = ("baseline_day", "evaluation_day"), ("endpoint_mm3", "loq_mm3")
    choices = {"other_causes": ("censor", "count"), "volume_formula": ("half", "ellipsoid"), "paired": (False, True)}
    _check_keys(table, (*days, *volumes, *choices), "rules", problems)
    rules: dict[str, Any] = {}  # values have the types of the fields of GrowthDesign
    for key, value in table.items() if isinstance(table, dict) else ():
        if key in choices:
            if value not in choices[key] or isinstance(value, bool) != isinstance(choices[key][0], bool):
                problems.append(f"rules.{key} = {value!r}: must be one of {', '.join(map(str, choices[key]))}")
            rules[key] = value
        elif key in days or key in volumes:
            number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
            if not number or (key in volumes and value <= 0):
                problems.append(f"rules.{key} = {value!r}: must be a number{' above zero' if key in volumes else ''}")
            else:
                rules[key] = float(value)
    return rules
