"""What a caliper sheet does not say: how a study was run, and by which rules it is to be analysed.

A file FILE.toml beside FILE.csv, every table and key of it optional:

    [study]          title, cell_line, strain, sex, randomisation, blinding, allocation_unit, end_point_rule, ethics
    [rules]          baseline_day, evaluation_day, endpoint_mm3, other_causes, loq_mm3, volume_formula, paired
    [arm."NAME"]     dose, route, schedule, drug
    [[combination]]  a, b, both: names of three arms (without it, an arm called "A + B" is found by itself)
    [adcc_fraction]     antibody, fc_null: names of two arms (without it, "NAME" and "NAME Fc-null")

The texts go into the design sheet of the report as they are (items of the ARRIVE guidelines 2.0, Percie du Sert N et
al. PLoS Biol 2020;18:e3000410); what is absent is printed as "not stated".
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
    """Texts for the design sheet and the rules of the analysis, with their defaults.

    baseline_day, evaluation_day: days, None for the rules of `tumour_growth`; endpoint_mm3: volume that ends a
    mouse's time; other_causes: whether a mouse taken out for ulceration or weight loss is censored ("censor") or has
    reached its end ("count"); volume_formula "half" or "ellipsoid"; paired: mice of one name in several arms are one
    block (simulated with the same random numbers), never so for real mice.
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
        """(A, B, both) of a study's arms: those stated, else every arm "A + B" whose parts are arms themselves."""
        if self.combinations:
            return [c for c in self.combinations if set(c) <= set(arms)]
        found = []
        for both in arms:
            parts = [find_name(part, arms) for part in both.split("+")]
            known = [part for part in parts if part is not None]
            if len(parts) == len(known) == 2:
                found.append((known[0], known[1], both))
        return found

    def spelt_as(self, arms: list[str]) -> GrowthDesign:
        """This design with the arms in the spelling of a sheet; names that are none of its arms stay as they are."""

        def own(name: str) -> str:
            return find_name(name, arms) or name

        pair = self.adcc_fraction
        return replace(
            self,
            arms={own(name): items for name, items in self.arms.items()},
            combinations=tuple((own(a), own(b), own(both)) for a, b, both in self.combinations),
            adcc_fraction=None if pair is None else (own(pair[0]), own(pair[1])),
        )

    def adcc_arms(self, arms: list[str]) -> tuple[str, str] | None:
        """(antibody, its Fc-null twin), stated or by name; None where the study has no such pair."""
        if self.adcc_fraction is not None:
            return self.adcc_fraction if set(self.adcc_fraction) <= set(arms) else None
        keys = {name_key(arm): arm for arm in arms}
        pairs = [(keys[key.removesuffix("fc-null")], arm) for key, arm in keys.items() if key.endswith("fc-null")
                 and key.removesuffix("fc-null") in keys]  # fmt: skip
        return pairs[0] if len(pairs) == 1 else None


def read_design(path: Path) -> GrowthDesign:
    """Read FILE.toml; a missing file gives the defaults. Raises SheetError with one sentence per fault."""
    if not path.is_file():
        return GrowthDesign()
    try:
        content = read_toml(path, "a design sheet")
    except UnreadableError as error:
        raise SheetError([f"{path.name}: {error}"]) from None
    if "adcc_share" in content:  # its name up to 0.1.0
        content["adcc_fraction"] = content.pop("adcc_share")
    problems: list[str] = []
    _known(content, ("study", "rules", "arm", "combination", "adcc_fraction"), "", problems)
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
    """Write a design as the file that read_design reads: an exported sheet takes its rules along."""
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
    """Names in the design that are no arm of the sheet, one sentence each."""
    stated = [*design.arms, *(name for c in design.combinations for name in c), *(design.adcc_fraction or ())]
    missing = [name for name in dict.fromkeys(stated) if name not in arms]
    return [f"the design names the arm {name!r}; the sheet has {', '.join(arms)}" for name in missing]


def _known(table: object, allowed: tuple[str, ...], where: str, problems: list[str]) -> None:
    if not isinstance(table, dict):
        problems.append(f"{where}: has to be a table")
        return
    for key in table:
        if key not in allowed:
            near = difflib.get_close_matches(key, allowed, n=1)
            hint = f"; is it {near[0]}?" if near else f"; known are {', '.join(allowed)}"
            problems.append(f"{where + '.' if where else ''}{key}: not known{hint}")


def _tables(content: dict, key: str, problems: list[str]) -> dict[str, dict]:
    table = content.get(key, {})
    if isinstance(table, dict) and all(isinstance(v, dict) for v in table.values()):
        return table
    problems.append(f'{key}: write it as [{key}."NAME"]')
    return {}


def _texts(table: object, allowed: tuple[str, ...], where: str, problems: list[str]) -> dict[str, str]:
    _known(table, allowed, where, problems)
    if not isinstance(table, dict):
        return {}
    for key, value in table.items():
        if not isinstance(value, str | int | float) or isinstance(value, bool):
            problems.append(f"{where}.{key}: has to be a text")
    return {k: str(v) for k, v in table.items() if k in allowed}


def _names(table: object, keys: tuple[str, ...], where: str, problems: list[str]) -> tuple[str, ...]:
    _known(table, keys, where, problems)
    if not isinstance(table, dict):
        return ()
    for key in keys:
        if not isinstance(table.get(key), str):
            problems.append(f"{where}.{key}: the name of an arm is missing")
    return tuple(str(table.get(key, "")) for key in keys)


def _rules(table: object, problems: list[str]) -> dict[str, Any]:
    days, volumes = ("baseline_day", "evaluation_day"), ("endpoint_mm3", "loq_mm3")
    choices = {"other_causes": ("censor", "count"), "volume_formula": ("half", "ellipsoid"), "paired": (False, True)}
    _known(table, (*days, *volumes, *choices), "rules", problems)
    rules: dict[str, Any] = {}  # each of the type of its field
    for key, value in table.items() if isinstance(table, dict) else ():
        if key in choices:
            if value not in choices[key] or isinstance(value, bool) != isinstance(choices[key][0], bool):
                problems.append(f"rules.{key} = {value!r}: one of {', '.join(map(str, choices[key]))}")
            rules[key] = value
        elif key in days or key in volumes:
            number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
            if not number or (key in volumes and value <= 0):
                problems.append(f"rules.{key} = {value!r}: a number{' above zero' if key in volumes else ''}")
            else:
                rules[key] = float(value)
    return rules
