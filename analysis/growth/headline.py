"""Main results of a tumour-growth study, for the terminal and the top of the report.

First the mean volume and number of mice of every arm, then each treated arm against the control: every measure with
its interval and number of mice, and every p-value with the quantity it compares. Growth rates use all readings of a
mouse, T/C and TGI the volumes of one day; they can disagree, so both p-values are shown.
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
    "all readings of each mouse. The two can disagree, particularly if tumour sizes vary widely on that day.",
)


def volumes(study: GrowthStudy) -> pd.DataFrame:
    """Mean volume per arm on the day of evaluation with SD and number of mice measured, as text."""
    arms = study.tables["arms"]
    roles = [f"{row.arm} (control)" if row.role == "control" else row.arm for row in arms.itertuples()]
    return pd.DataFrame(
        {
            "arm": roles,
            "mean (mm³)": [_volume(v) for v in arms["mean_volume_mm3"]],
            "SD": [_volume(v) for v in arms["sd_volume_mm3"]],
            "mice measured": [f"{r} of {n}" for r, n in zip(arms["mice_read"], arms["mice"], strict=True)],
        }
    )


def volumes_title(study: GrowthStudy) -> str:
    """Title of the table of `volumes`."""
    return "Mean volume" + ("" if study.evaluation_day is None else f" on day {study.evaluation_day:g}")


def headline(study: GrowthStudy) -> pd.DataFrame:
    """Per treated arm: T/C, tgi_tc, tgi_delta and growth-rate inhibition with numbers of mice, and the p-values."""
    comparisons, tests = study.tables["comparisons"], study.tables["tests"]
    treated = [arm for arm in study.arms if arm != study.control]
    rows = []
    for arm in treated:
        compared = comparisons[comparisons["arm"] == arm].set_index("measure")
        row = {"arm": arm, "control": study.control}
        row |= {title: _measure(compared.loc[name]) for name, title in _MEASURES.items()}
        of_arm = tests[tests["arm"] == arm]
        primary, end = of_arm[of_arm["role"] == "primary"].iloc[0], of_arm[of_arm["test"] == END_VOLUME].iloc[0]
        row[f"p, {primary['test']} (primary)"] = _with_mice(p_text(primary["p"], primary["note"]), primary)
        if len(treated) > 1:
            row[f"p, same test, Holm over {len(treated)} arms"] = p_text(primary["p_holm"], primary["note"])
        row[f"p, {END_VOLUME} on the day of evaluation"] = _with_mice(p_text(end["p"], end["note"]), end)
        rows.append(row)
    return pd.DataFrame(rows)


def text(title: str, studies: list[GrowthStudy]) -> str:
    """All of this as text for a terminal; with several studies each block names its study."""
    lines = [title]
    for study in studies:
        lines += ["", f"Study {study.name}"] if len(studies) > 1 else []
        lines += ["", *_aligned(volumes(study), volumes_title(study))]
        for row in headline(study).to_dict("records"):
            heading = f"{row.pop('arm')} against {row.pop('control')}"
            lines += ["", heading + (f", study {study.name}" if len(studies) > 1 else "")]
            lines += [f"  {name}: {value}" for name, value in row.items()]
    return "\n".join([*lines, "", *STATISTICS])


def reading_notes(study: GrowthStudy, rows: pd.DataFrame) -> list[str]:
    """Notes on arms not measured on the day of evaluation, with remedies, and on mice missing from some measures."""
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
            nearest = " and ".join(f"{d:g}" for d in (*before, *after))
            remedies = [f"set evaluation_day in [rules] of the design file to a day when all arms were measured "
                    f"({', '.join(f'{d:g}' for d in common[-3:])})"] if common else []  # fmt: skip
            if len(before) and len(after):
                remedies.append(
                    f"add rows for day {day:g} with ln V interpolated between days {before[0]:g} and {after[0]:g}"
                )
            notes.append(
                f"arm {arm}: not measured on day {day:g}, the day of evaluation (nearest: day {nearest}), so there is "
                f"no T/C and no TGI" + (f"; {', or '.join(remedies)}" if remedies else "")
            )
    mice = study.tables["mice"]
    partly = mice[mice["evaluation_volume_mm3"].notna() & mice["start_volume_mm3"].isna()]
    for arm, group in partly.groupby("arm", sort=False):
        notes.append(
            f"arm {arm}: {_listed(group['mouse'])} measured on day {day:g} but not on day {study.baseline_day:g}; "
            f"included in mean volume, T/C and tgi_tc, not in tgi_delta"
        )
    return notes


def p_text(value: float, note: str) -> str:
    """A p-value as text, or the reason why it is missing."""
    if pd.isna(value):
        return str(note) or "not estimable"
    return f"{value:.3f}" if value >= 0.001 else "< 0.001"


def _measure(row: pd.Series) -> str:
    """Value, interval and number of mice; the table of all measures gives the reason for a missing interval."""
    if pd.isna(row["value"]):
        return str(row["note"]) or "not estimable"
    low = row["ci95_low"]
    interval = "no interval" if pd.isna(low) else f"{_three(low)} to {_three(row['ci95_high'])}"
    return _with_mice(f"{_three(row['value'])} ({interval})", row)


def _three(value: float) -> str:
    """Three significant digits, trailing zeros included."""
    return f"{value:#.3g}".rstrip(".")


def _with_mice(text: str, row: pd.Series) -> str:
    """text, followed by the numbers of treated and control mice."""
    return text if text.startswith("not estimable") else f"{text}; {row['mice']} + {row['control_mice']} mice"


def _volume(value: float) -> str:
    return "-" if pd.isna(value) else f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def _listed(names: pd.Series) -> str:
    shown = ", ".join(names.head(5)) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    return f"mouse {shown} was" if len(names) == 1 else f"mice {shown} were"


def _aligned(table: pd.DataFrame, title: str) -> list[str]:
    """A table of text with its title as the heading of the first column; numbers right-aligned."""
    cells = [[title, *table.columns[1:]], *(["  " + row[0], *row[1:]] for row in table.astype(str).to_numpy().tolist())]
    widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
    return [
        "   ".join(
            cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        )
        for row in cells
    ]
