"""Controls: what a visitor may set on the page, as lists of values with words, and the scenario keys they stand for.

The browser sends a control's name and a place in its list, never a number: what is not in the list cannot be asked for.
Nothing here needs Mesa or Solara.
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from adccsim.parameters import lookup
from adccsim.teaching import keys


@dataclass(frozen=True)
class Control:
    """One control. key: scenario key (keys.py); values: in order; words: of one value; kind: slider | choice.

    now: the value in the condition of what is shown, where it does not lie at `key` there. clears: keys that rest on
    the old value.
    """

    name: str
    label: str
    kind: str
    key: str
    values: tuple
    words: Callable[[Any], str]
    now: Callable[[Mapping], Any] | None = None
    clears: tuple[str, ...] = ()

    def values_with(self, current: Any) -> list:
        """The list, and the current value where a lesson brings one that is not in it."""
        if current in self.values or current is None:
            return list(self.values)
        return sorted([*self.values, current]) if self.kind == "slider" else [*self.values, current]


def dose_words(ug_per_ml: float) -> str:
    """A dose in ng/mL, with ug/mL next to it where that is the usual unit."""
    ng = 1000.0 * ug_per_ml
    if ng == 0:
        return "none"
    return f"{ng:,.4g} ng/mL" if ng < 1000 else f"{ng:,.0f} ng/mL ({ug_per_ml:g} µg/mL)"


def _et_words(ratio: float) -> str:
    if ratio == 0:
        return "no NK cells"
    return f"{ratio:g} : 1" if ratio >= 1 else f"1 : {1 / ratio:.3g}"


def receptor_words(count: float) -> str:
    """HER2 of a cell."""
    if count >= 1e6:
        return f"{count / 1e6:.3g} million HER2 per cell"
    return f"{count:,.0f} HER2 per cell" if count >= 100 else f"{count:.3g} HER2 per cell"


_GENOTYPES = {"VV": "V/V, binds tightly", "VF": "V/F", "FF": "F/F, binds weakly"}
_FC = {
    "trastuzumab": "trastuzumab",
    "trastuzumab-afucosylated": "afucosylated trastuzumab",
    "trastuzumab-deglycosylated": "deglycosylated trastuzumab",
    "trastuzumab-F(ab')2": "no Fc part: F(ab')2",
    "isotype-control": "isotype control, binds no HER2",
}
_FIELDS = {
    "96-field-1.5mm": "1.5 mm of the floor: single cells",
    "96-field-3mm": "3 mm of the floor",
    "96-flat": "a whole well",
}


def controls() -> tuple[Control, ...]:
    """All controls, in the order of the page."""
    lines = lookup.load().cell_lines
    her2 = {name: entry.numbers["her2_per_cell"].value for name, entry in lines.items()}
    decades = [m * 10.0**e for e in range(-5, 2) for m in (1, 2, 5)]
    return (
        Control("dose", "Antibody dose", "slider", "antibody.dose_ug_per_ml", (0.0, *decades, 100.0), dose_words),
        Control("antibody", "Antibody", "choice", "antibody.name", tuple(_FC), lambda name: _FC.get(name, name)),
        Control(
            "et_ratio", "NK cells per tumour cell (E:T)", "slider", "effectors.et_ratio",
            (0.0, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 5.0, 8.0, 10.0), _et_words,
        ),
        Control(
            "genotype", "CD16a of the donor (position 158)", "choice", "effectors.genotype", tuple(_GENOTYPES),
            lambda name: _GENOTYPES.get(name, name),
        ),
        Control(
            "cell_line", "Tumour cell line", "choice", "targets.cell_line", tuple(sorted(her2, key=lambda n: -her2[n])),
            lambda name: f"{name}, {receptor_words(her2[name])}", None,
            ("targets.her2_per_cell", "targets.masked_fraction"),
        ),
        Control(
            "her2", "HER2 level", "slider", "targets.her2_per_cell",
            tuple(m * 10.0**e for e in range(3, 7) for m in (1, 2, 5)), receptor_words,
        ),
        Control(
            "masked", "Masked HER2", "slider", "targets.masked_fraction",
            (0.0, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99), lambda fraction: f"{100 * fraction:.3g} %",
        ),
        Control(
            "format", "What to look at", "choice", "well.format", tuple(_FIELDS),
            lambda name: _FIELDS.get(name, name), None, ("targets.cells", "well.volume_ul"),
        ),
    )  # fmt: skip


def current(control: Control, condition: Mapping) -> Any:
    """The value of a control in a resolved condition."""
    return control.now(condition) if control.now else keys.get(condition, control.key)


def on_screen(offered: Sequence[Control], condition: Mapping) -> list[dict]:
    """Every control as the browser shows it: name, label, kind, words of all values, place of the current one, off."""
    shown = []
    for control in offered:
        now = current(control, condition)
        values = control.values_with(now)
        off = control.name == "genotype" and bool(condition["effectors"]["is_cell_line"])
        shown.append(
            {
                "name": control.name, "label": control.label, "kind": control.kind, "off": off,
                "words": [control.words(value) for value in values], "at": values.index(now),
            }
        )  # fmt: skip
    return shown


def with_value(offered: Sequence[Control], raw: Mapping, condition: Mapping, name: str, at: int) -> dict:
    """The scenario with a control at place `at` of its list (a copy). Raises ValueError for what is on no list."""
    control = next((one for one in offered if one.name == name), None)
    if control is None:
        raise ValueError("no such control")
    values = control.values_with(current(control, condition))
    if type(at) is not int or not 0 <= at < len(values):
        raise ValueError(f"{control.label}: no such value")
    raw = copy.deepcopy(dict(raw))
    for key in control.clears:
        keys.drop(raw, key)
    keys.put(raw, control.key, values[at])
    return raw


class NotOnOffer(ValueError):
    """The browser asked for a choice that the page does not have."""


def pick(values: Sequence, at: Any) -> Any:
    """The value at a place that the browser named; raises NotOnOffer for anything that is no place."""
    if type(at) is not int or not 0 <= at < len(values):
        raise NotOnOffer
    return values[at]


def rounded(value: float, digits: int = 1) -> float | None:
    """For the browser; None for what is not a number."""
    return round(float(value), digits) if np.isfinite(value) else None


def rounded_all(values: np.ndarray, digits: int) -> list[float | None]:
    """A list of such values."""
    return [rounded(value, digits) for value in values]
