"""A laboratory's own plate: raw signals to % specific lysis through its own controls, and how good the plate is.

Model    Lysis by the formulas of analysis.assay.controls, with the plate's own target-only, effector-only, maximum and
         blank wells.  A plate here is one plate x donor x cell line x hours of the sheet; a control that does not
         say one of them serves all.
         Z' = 1 - 3 (sd of maximum + sd of target-only) / |difference of their means|.
         CV = sd / mean of the wells of one condition; of % lysis, whose mean may be 0, the SD in points instead.
         Edge = mean over conditions of (wells in the outer ring - wells inside), in % of the wells inside (points of
         % lysis), with a t interval over the conditions that have both.
         Outlier: a well is flagged, and kept in every mean, where its deleted Studentised residual from the mean of its
         condition exceeds the t quantile at 5 % two-sided divided by the number of wells (Bonferroni). The error
         variance is pooled over the plate without that well. Raw signals are compared as logarithms where all are
         positive (constant CV), else as they stand; % lysis as it stands. Both wells of a pair are flagged together.
Source   Z': Zhang, Chung and Oldenburg 1999, J Biomol Screen 4:67 (IUPAC Gold Book 14204); the rest are textbook forms.
Limits   sample = target-only + effector-only: 0 %;  maximum + effector-only: 100 %;  no spread: Z' = 1
                                                                                    (tests/analysis/assay/test_plate.py)
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from adccsim.analysis.assay.controls import COUNTED, LYSIS_READOUTS, WITH_EFFECTOR_SIGNAL, PlateControls, percent_lysis
from adccsim.analysis.assay.dose_response import TOO_FEW, Curve, dose_response_curves, dose_response_table
from adccsim.analysis.assay.headline import curve_text
from adccsim.analysis.assay.lysis import LYSIS_COLUMNS, lysis_summary, with_natural_killing
from adccsim.analysis.assay.plates.blocks import COLUMNS, ROWS
from adccsim.analysis.assay.plates.file import CONTROLS, read_sheet
from adccsim.analysis.errors import MissingControls, SheetError
from adccsim.analysis.reading.design import et_label
from adccsim.analysis.statistics import t_interval, t_quantile

OUTLIER_LEVEL = 0.05
_FEWEST_DOF = 3
_UNIT = ("plate", "donor", "cell_line", "hours")
_KEYS = ["dose_ug_per_ml", "et_ratio", "hours", "cell_line", "antibody"]
_WELL_TABLE = ["well", "where", "plate", "donor", "role", *_KEYS]


@dataclass
class PlateResult:
    """What a plate says.

    wells    one row per well: what it is, `value` as read, lysis columns in % (samples), `outlier`.
    lysis    lysis_summary of the samples, with `flagged_wells`; curves the dose-response curves, fits their table.
    quality  one row per plate and quantity: value, unit, ci95_low, ci95_high, n, note.
    raw      whether the file held raw signals; notes one line per thing to know.
    """

    wells: pd.DataFrame
    lysis: pd.DataFrame
    fits: pd.DataFrame
    curves: list[Curve]
    quality: pd.DataFrame
    raw: bool
    readout: str
    notes: list[str]

    def curve_lines(self) -> list[str]:
        """One line per dose series: which one, its EC50 and Emax as far as they exist, and its status."""
        rows = [row for row in self.fits.to_dict("records") if row["status"] != TOO_FEW]
        names = [" ".join([*(str(row[key]) for key in ("cell_line", "antibody") if row[key]),
                           f"E:T {et_label(row['et_ratio'])}"]) for row in rows]  # fmt: skip
        hours = [f", {row['hours']:g} h" if self.fits["hours"].nunique() > 1 else "" for row in rows]
        return [f"{name}{at}: {curve_text(row)}" for name, at, row in zip(names, hours, rows, strict=True)]


def analyse_plate(path: Path, plate_map: Path | None = None, readout: str = "LDH") -> PlateResult:
    """Read a plate (see adccsim.analysis.assay.plates.file) and turn it into lysis and quality; nothing is written.

    readout  one of LYSIS_READOUTS: which formula a raw signal takes.
    Raises SheetError for a file that cannot be used, MissingControls for a plate without the wells its formula needs.
    """
    if readout not in LYSIS_READOUTS:
        raise SheetError([f"read-out {readout!r} has no lysis; one of {', '.join(LYSIS_READOUTS)}"])
    sheet = read_sheet(Path(path), plate_map)
    wells = sheet.wells.copy()
    samples, units = _by_unit(wells)
    if samples.empty:
        raise SheetError(["no sample well in it"])
    notes = list(sheet.notes)
    if sheet.raw:
        controls = _all_controls(samples, units, readout, notes)
        lysis = [_lysis_of(row.value, row.et_ratio, controls[row.plate]) for row in samples.itertuples()]
        samples["specific_lysis_pct"], samples["uncorrected_lysis_pct"] = np.array(lysis).T
    else:
        samples["specific_lysis_pct"] = samples["uncorrected_lysis_pct"] = samples["value"]
    samples = with_natural_killing(samples)
    outlier = pd.Series(False, index=wells.index)
    quality: list[dict] = []
    for name, unit in units.items():
        flags, note = flag_outliers(unit, sheet.raw)
        outlier |= flags.reindex(outlier.index, fill_value=False)
        quality += [{"plate": name} | row for row in _quality(unit, sheet.raw, readout, flags, note)]
    wells["outlier"] = outlier
    samples["outlier"] = outlier
    wells = wells.join(samples[LYSIS_COLUMNS])
    control = np.where(wells["role"] != "sample", "control well", "")
    lost = (wells["role"] == "sample") & wells["specific_lysis_pct"].isna()
    wells["note"] = np.where(lost, "no lysis: the maximum does not exceed the target-only wells", control)
    curves, _ = dose_response_curves(samples, [])
    summary = lysis_summary(samples, [])
    flagged = samples.groupby(_KEYS, dropna=False)["outlier"].sum().rename("flagged_wells").reset_index()
    summary = summary.merge(flagged, on=_KEYS, how="left")
    order = [*_WELL_TABLE, "replicate", "value", *LYSIS_COLUMNS, "outlier", "note"]
    fits = dose_response_table(curves, [])
    return PlateResult(wells[order], summary, fits, curves, pd.DataFrame(quality), sheet.raw, readout, notes)


def flag_outliers(unit: pd.DataFrame, raw: bool) -> tuple[pd.Series, str]:
    """(True per flagged well, a note) for the wells of one plate, by the rule at the head of this file.

    unit  columns role, dose_ug_per_ml, et_ratio, antibody and value; any index.  Wells without a twin are not judged.
    """
    logarithm = raw and bool((unit["value"] > 0).all())
    value = np.log(unit["value"]) if logarithm else unit["value"]
    groups = value.groupby([unit[key] for key in ("role", "dose_ug_per_ml", "et_ratio", "antibody")], dropna=False)
    size = groups.transform("size")
    twins = size > 1
    flags = pd.Series(False, index=unit.index)
    count, dof = int(twins.sum()), int(twins.sum() - (1 / size[twins]).sum().round())
    if dof - 1 < _FEWEST_DOF:
        return flags, f"not judged: {max(dof, 0)} degrees of freedom among replicates"
    residual = (value - groups.transform("mean"))[twins]
    leverage = 1 - 1 / size[twins]
    rest = np.maximum((residual**2).sum() - residual**2 / leverage, 0.0)
    scale = np.sqrt(rest / (dof - 1) * leverage)
    limit = t_quantile(dof - 1, 1 - OUTLIER_LEVEL / (2 * count))
    # Rounded readings may leave no spread at all beside one deviating well; equal readings deviate by rounding only.
    tiny = 1e-9 * (1 + value.abs()[twins])
    flags[residual.index] = (residual.abs() > np.maximum(limit * scale, tiny)).to_numpy()
    pairs = ", of a pair both" if (size[flags] == 2).any() else ""
    return flags, f"flagged{pairs}, kept in every mean" if flags.any() else ""


def _by_unit(wells: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, pd.DataFrame]]:
    """(samples ready for the lysis tables, name of each plate -> its wells with the controls that serve it)."""
    samples = wells[wells["role"] == "sample"].copy()
    controls = wells[wells["role"].isin(CONTROLS)]
    varying = [key for key in _UNIT if samples[key].nunique(dropna=False) > 1]
    units: dict[str, pd.DataFrame] = {}
    names = pd.Series("", index=samples.index)
    for key, group in samples.groupby(list(_UNIT), dropna=False, sort=True):
        said = dict(zip(_UNIT, key, strict=True))
        name = ", ".join(_words(k, said[k]) for k in _UNIT if k == "plate" or k in varying)
        serves = np.ones(len(controls), dtype=bool)
        for k, value in said.items():
            serves &= (controls[k].isin(["", value]) | controls[k].isna()).to_numpy()
        units[name] = pd.concat([group, controls[serves]])
        names[group.index] = name
    samples["plate"] = names
    donors = {donor: n for n, donor in enumerate(sorted(set(samples["donor"])), start=1)}
    samples["donor"] = samples["donor"].map(donors)
    samples["at_zero"] = samples["dose_ug_per_ml"] == 0
    return samples.assign(effector="", readout=""), units


def _words(key: str, value: object) -> str:
    if key == "hours":
        return "no time" if pd.isna(value) else f"{value:g} h"
    return f"donor {value}" if key == "donor" else str(value)


def _all_controls(
    samples: pd.DataFrame, units: dict[str, pd.DataFrame], readout: str, notes: list[str]
) -> dict[str, "_Controls"]:
    """Controls of every plate, blank-subtracted means.  Raises MissingControls with all gaps."""
    needed = ["target_only"] if readout in COUNTED else ["target_only", "maximum"]
    missing: list[tuple[str, str, float | None]] = []
    found: dict[str, _Controls] = {}
    for name, unit in units.items():
        missing += [(name, role, None) for role in needed if not (unit["role"] == role).any()]
        ratios = sorted(set(samples.loc[samples["plate"] == name, "et_ratio"]))
        own = {et: _effector_only(unit, et) for et in ratios if et > 0}
        if readout in WITH_EFFECTOR_SIGNAL:
            missing += [(name, "effector_only", et) for et, values in own.items() if values.empty]
        blank = unit.loc[unit["role"] == "blank", "value"]
        if blank.empty:
            notes.append(f"plate {name}: no blank well, nothing is subtracted" + (
                "; the medium then counts once too often against the lysis" if readout in WITH_EFFECTOR_SIGNAL else ""
            ))  # fmt: skip
        medium = float(blank.mean()) if len(blank) else 0.0
        mean = {role: unit.loc[unit["role"] == role, "value"].mean() - medium for role in ("target_only", "maximum")}
        if readout not in COUNTED and mean["maximum"] <= mean["target_only"]:
            notes.append(f"plate {name}: the maximum does not exceed the target-only wells, so there is no lysis")
        found[name] = _Controls(
            plate=name,
            readout=readout,
            time=np.zeros(1),
            target_only=np.array([mean["target_only"]]),
            maximum=np.array([mean["maximum"]]),
            target_only_wells=int((unit["role"] == "target_only").sum()),
            effector_only={et: np.array([values.mean() - medium]) for et, values in own.items() if len(values)},
            effector_only_wells={et: len(values) for et, values in own.items()},
            blank=medium,
        )
    if missing:
        raise MissingControls(missing)
    return found


@dataclass(frozen=True)
class _Controls(PlateControls):
    """Controls of a laboratory's plate; `blank` is what is subtracted from its wells."""

    blank: float = 0.0


def _effector_only(unit: pd.DataFrame, et_ratio: float) -> pd.Series:
    """Readings of the effector-only wells of one E:T, or of those that name none."""
    wells = unit[unit["role"] == "effector_only"]
    exact = wells[np.isclose(wells["et_ratio"], et_ratio)]
    return (exact if len(exact) else wells[wells["et_ratio"].isna()])["value"]


def _lysis_of(value: float, et_ratio: float, controls: "_Controls") -> tuple[float, float]:
    signal = np.array([value - controls.blank])
    lysis, uncorrected = percent_lysis(controls.readout, signal, *controls.at(controls.time, et_ratio))
    return float(lysis[0]), float(uncorrected[0])


def _quality(unit: pd.DataFrame, raw: bool, readout: str, flags: pd.Series, note: str) -> Iterator[dict]:
    """Rows of the quality table of one plate."""
    by_role = {role: group["value"].to_numpy() for role, group in unit.groupby("role")}
    low, high = by_role.get("target_only", np.array([])), by_role.get("maximum", np.array([]))
    if raw and readout not in COUNTED:
        yield _row("Z'-factor", z_prime(high, low), "1", n=min(len(high), len(low)), note=_z_words(high, low))
        blank = by_role.get("blank", np.zeros(1)).mean()
        window = high.mean() - blank
        fraction = 100 * (low.mean() - blank) / window if window > 0 else np.nan
        high_fraction = "high" if fraction > 30 else ""
        note = high_fraction if window > 0 else "not judged: the maximum does not exceed the blank"
        yield _row("spontaneous release", fraction, "% of maximum", n=len(low), note=note)
    spread = [_spread(group["value"].to_numpy(), raw) for _, group in _conditions(unit) if len(group) > 1]
    known = [value for value in spread if np.isfinite(value)]
    unit_of_spread = "%" if raw else "points"
    word = "CV" if raw else "SD"
    if known:
        yield _row(f"{word} of replicates, median", float(np.median(known)), unit_of_spread, n=len(known))
        yield _row(f"{word} of replicates, largest", float(np.max(known)), unit_of_spread, n=len(known))
    else:
        why = "no replicates" if not spread else "no condition with a mean signal above zero"
        yield _row(f"{word} of replicates, median", np.nan, unit_of_spread, note=f"not judged: {why}")
    yield _edge(unit, raw)
    yield _row("outliers", int(flags.sum()), "wells", n=len(unit), note=_flagged_words(unit, flags, note))


def z_prime(high: np.ndarray, low: np.ndarray) -> float:
    """Z'-factor of two sets of control readings; NaN with fewer than two wells in one of them, or equal means.

    Means are equal that differ by rounding only: the quotient would be a number without meaning.
    """
    if min(len(high), len(low)) < 2:
        return np.nan
    window = abs(high.mean() - low.mean())
    if window <= 1e-9 * max(abs(high.mean()), abs(low.mean())):
        return np.nan
    return float(1 - 3 * (high.std(ddof=1) + low.std(ddof=1)) / window)


def _z_words(high: np.ndarray, low: np.ndarray) -> str:
    value = z_prime(high, low)
    if min(len(high), len(low)) < 2:
        return "not judged: needs two maximum and two target-only wells"
    if np.isnan(value):
        return "not judged: maximum and target-only wells read the same"
    words = "good" if value >= 0.5 else "marginal" if value > 0 else "controls overlap"
    return f"{words}; few wells" if min(len(high), len(low)) < 4 else words


def _conditions(unit: pd.DataFrame) -> list[tuple]:
    """Wells that should read the same; blanks are left out, since their mean is no signal."""
    wells = unit[unit["role"] != "blank"]
    return list(wells.groupby(["role", "dose_ug_per_ml", "et_ratio", "antibody"], dropna=False, sort=True))


def _spread(values: np.ndarray, raw: bool) -> float:
    sd = values.std(ddof=1)
    return float(100 * sd / values.mean()) if raw and values.mean() > 0 else np.nan if raw else float(sd)


def _edge(unit: pd.DataFrame, raw: bool) -> dict:
    differences = []
    for _, group in _conditions(unit[unit["well"] != ""]):
        rim = np.array([well[0] in (ROWS[0], ROWS[-1]) or int(well[1:]) in (1, COLUMNS) for well in group["well"]])
        values = group["value"].to_numpy()
        if rim.any() and not rim.all() and (not raw or values[~rim].mean() > 0):
            inside = values[~rim].mean()
            differences.append((values[rim].mean() - inside) * (100 / inside if raw else 1))
    mean, _, low, high = t_interval(differences)
    note = "rim and inside differ" if low > 0 or high < 0 else "" if len(differences) > 1 else (
        "not judged: needs two conditions with wells both in the outer ring and inside"
    )  # fmt: skip
    row = _row("edge: outer ring minus inside", mean, "% of inside" if raw else "points", n=len(differences), note=note)
    return row | {"ci95_low": low, "ci95_high": high}


def _flagged_words(unit: pd.DataFrame, flags: pd.Series, note: str) -> str:
    wells = unit[flags.reindex(unit.index, fill_value=False)]
    names = [well or where for well, where in zip(wells["well"], wells["where"], strict=True)]
    return f"{', '.join(names)}: {note}" if names else note


def _row(quantity: str, value: float, unit: str, n: int = 0, note: str = "") -> dict:
    return {"quantity": quantity, "value": value, "unit": unit, "ci95_low": np.nan, "ci95_high": np.nan, "n": n,
            "note": note}  # fmt: skip
