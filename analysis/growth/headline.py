"""What a reader of a tumour-growth study sees first, on the screen and in the report.

The mean volume of every arm with the mice behind it, then each treated arm against the control: every measure with its
interval and its mice, and every p-value with the quantity that it compares. Growth rates use all readings of a mouse,
T/C and TGI the volumes of one day; they can disagree, and both p-values stand side by side for that reason.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from adccsim.analysis.growth.tables import GrowthStudy
from adccsim.analysis.growth.testing import END_VOLUME

_MEASURES = {
    "tc_pct": "T/C (%)",
    "tgi_tc": "tgi_tc (%)",
    "tgi_delta": "tgi_delta (%)",
    "growth_rate_inhibition": "growth-rate inhibition (%)",
}
STATISTICS = (
    "T/C and TGI compare mean volumes on one day; the primary test compares growth rates, the slopes of ln volume over",
    "all readings of each mouse. The two can disagree, most of all where mice differ much in size on that day.",
)


def volumes(study: GrowthStudy) -> pd.DataFrame:
    """Mean volume per arm on the day of evaluation, with SD and the mice read, as texts."""
    arms = study.tables["arms"]
    roles = [f"{row.arm} (control)" if row.role == "control" else row.arm for row in arms.itertuples()]
    return pd.DataFrame(
        {
            "arm": roles,
            "mean (mm³)": [_volume(v) for v in arms["mean_volume_mm3"]],
            "SD": [_volume(v) for v in arms["sd_volume_mm3"]],
            "mice read": [f"{r} of {n}" for r, n in zip(arms["mice_read"], arms["mice"], strict=True)],
        }
    )


def volumes_title(study: GrowthStudy) -> str:
    """What the table of `volumes` shows."""
    return "Mean volume" + ("" if study.evaluation_day is None else f" on day {study.evaluation_day:g}")


def headline(study: GrowthStudy) -> pd.DataFrame:
    """Per treated arm T/C, tgi_tc, tgi_delta, growth-rate inhibition with their mice, and p with what it compares."""
    comparisons, tests = study.tables["comparisons"], study.tables["tests"]
    treated = [arm for arm in study.arms if arm != study.control]
    rows = []
    for arm in treated:
        of = comparisons[comparisons["arm"] == arm].set_index("measure")
        row = {"arm": arm, "control": study.control}
        row |= {title: _measure(of.loc[name]) for name, title in _MEASURES.items()}
        own = tests[tests["arm"] == arm]
        primary, end = own[own["role"] == "primary"].iloc[0], own[own["test"] == END_VOLUME].iloc[0]
        row[f"p, {primary['test']} (primary)"] = _with_mice(p_text(primary["p"], primary["note"]), primary)
        if len(treated) > 1:
            row[f"p, the same, Holm over {len(treated)} arms"] = p_text(primary["p_holm"], primary["note"])
        row[f"p, {END_VOLUME} on the day of evaluation"] = _with_mice(p_text(end["p"], end["note"]), end)
        rows.append(row)
    return pd.DataFrame(rows)


def text(title: str, studies: list[GrowthStudy]) -> str:
    """Everything above for a terminal; with several studies each block says which one it is."""
    lines = [title]
    for study in studies:
        lines += ["", f"Study {study.name}"] if len(studies) > 1 else []
        lines += ["", *_aligned(volumes(study), volumes_title(study))]
        for row in headline(study).to_dict("records"):
            of = f"{row.pop('arm')} against {row.pop('control')}"
            lines += ["", of + (f", study {study.name}" if len(studies) > 1 else "")]
            lines += [f"  {name}: {value}" for name, value in row.items()]
    return "\n".join([*lines, "", *STATISTICS])


def reading_notes(study: GrowthStudy, rows: pd.DataFrame) -> list[str]:
    """Arms that were not read on the day of evaluation, with ways out, and mice that only some measures include."""
    day = study.evaluation_day
    if day is None:
        return []
    notes = []
    read = rows[rows["volume_mm3"].notna()]
    arms = study.tables["arms"].set_index("arm")
    shared = (
        set.intersection(*(set(read.loc[read["arm"] == arm, "day"]) for arm in study.arms)) if study.arms else set()
    )
    common = sorted(d for d in shared if d > study.baseline_day)
    for arm in study.arms:
        days = np.sort(read.loc[read["arm"] == arm, "day"].unique())
        before, after = days[days < day][-1:], days[days > day][:1]
        if arms.loc[arm, "mice_read"] == 0 and len(days):
            near = " and ".join(f"{d:g}" for d in (*before, *after))
            ways = [f"set evaluation_day in [rules] of the design file to a day on which all arms were read "
                    f"({', '.join(f'{d:g}' for d in common[-3:])})"] if common else []  # fmt: skip
            if len(before) and len(after):
                ways.append(
                    f"add rows for day {day:g} with ln V read linearly between days {before[0]:g} and {after[0]:g}"
                )
            notes.append(
                f"arm {arm}: not read on day {day:g}, the day of evaluation (nearest: day {near}), so there is "
                f"no T/C and no TGI" + (f"; {', or '.join(ways)}" if ways else "")
            )
    mice = study.tables["mice"]
    partly = mice[mice["evaluation_volume_mm3"].notna() & mice["start_volume_mm3"].isna()]
    for arm, own in partly.groupby("arm", sort=False):
        notes.append(
            f"arm {arm}: {_listed(own['mouse'])} read on day {day:g} but not on day {study.baseline_day:g}; "
            f"counted in mean volume, T/C and tgi_tc, not in tgi_delta"
        )
    return notes


def p_text(value: float, note: str) -> str:
    """A p-value as text, or the reason why there is none."""
    if pd.isna(value):
        return str(note) or "not estimable"
    return f"{value:.3f}" if value >= 0.001 else "< 0.001"


def _measure(row: pd.Series) -> str:
    """Value, interval and mice; the reason why an interval is missing stands in the table of all measures."""
    if pd.isna(row["value"]):
        return str(row["note"]) or "not estimable"
    low = row["ci95_low"]
    interval = "no interval" if pd.isna(low) else f"{_three(low)} to {_three(row['ci95_high'])}"
    return _with_mice(f"{_three(row['value'])} ({interval})", row)


def _three(value: float) -> str:
    """Three significant digits, also where the last one is a zero."""
    return f"{value:#.3g}".rstrip(".")


def _with_mice(words: str, row: pd.Series) -> str:
    """words, and how many treated and control mice are behind them."""
    return words if words.startswith("not estimable") else f"{words}; {row['mice']} + {row['control_mice']} mice"


def _volume(value: float) -> str:
    return "-" if pd.isna(value) else f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def _listed(names: pd.Series) -> str:
    shown = ", ".join(names.head(5)) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    return f"mouse {shown} was" if len(names) == 1 else f"mice {shown} were"


def _aligned(table: pd.DataFrame, title: str) -> list[str]:
    """A small table of texts with its title as the head of the first column; numbers flush right."""
    cells = [[title, *table.columns[1:]], *(["  " + row[0], *row[1:]] for row in table.astype(str).to_numpy().tolist())]
    widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
    return [
        "   ".join(
            cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        )
        for row in cells
    ]
