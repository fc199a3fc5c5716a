"""Control wells: what a plate reads without effectors, without targets, and with every target lysed.

Model    Every reading is blank-subtracted.  TO = mean of the plate's target-only wells, M = mean of their
         maximum release, EO = mean of its effector-only wells at the same E:T.
         LDH                 lysis % = 100 (E - EO - TO) / (M - TO)
         51Cr, calcein       lysis % = 100 (E - TO) / (M - TO)
         live-count          lysis % = 100 (1 - E / TO)
         viability           relative viability % = 100 E / TO
         Values below 0 or above 100 are noise and stay as they are.
Limits   E = TO + EO -> 0;  E = M + EO -> 100;  no effectors -> EO = 0              (tests/analysis/assay/test_lysis.py)
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from adccsim.analysis.errors import MissingControls
from adccsim.analysis.reading.runs import Run, Series

LYSIS_READOUTS = ("LDH", "51Cr", "calcein", "live-count")
WITH_EFFECTOR_SIGNAL = ("LDH",)
COUNTED = ("live-count",)  # the signal is the living cells, and no well shows the maximum release
SAMPLE_ROLES = ("sample", "no_antibody", "fc_null", "culture")


@dataclass(frozen=True)
class PlateControls:
    """Blank-subtracted mean control readings of one plate over `time` (h), each of shape (T,), in raw units.

    effector_only is keyed by E:T ratio; counts hold the number of wells behind each mean.
    """

    plate: str
    readout: str
    time: np.ndarray
    target_only: np.ndarray
    maximum: np.ndarray
    target_only_wells: int
    effector_only: dict[float, np.ndarray] = field(default_factory=dict)
    effector_only_wells: dict[float, int] = field(default_factory=dict)

    def at(self, time: np.ndarray, et_ratio: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(target-only, effector-only, maximum) at `time` (h), shape of time; effector-only is 0 where it has none."""
        effector = self.effector_only.get(et_ratio, np.zeros_like(self.time))
        return tuple(np.interp(time, self.time, values) for values in (self.target_only, effector, self.maximum))


def net_signal(run: Run) -> Series:
    """Blank-subtracted reading of a well over time, raw units."""
    return _net(run, "signal")


def plate_controls(runs: Sequence[Run], design: pd.DataFrame) -> dict[str, PlateControls]:
    """Controls of every plate in `design` (rows in the order of runs).

    Raises MissingControls with all gaps at once: a plate needs a target-only well, and with a read-out to
    which effectors contribute an effector-only well at each E:T it uses.
    """
    missing: list[tuple[str, str, float | None]] = []
    found: dict[str, PlateControls] = {}
    by_id = {run.run_id: run for run in runs}
    for plate, wells in design.groupby("plate", sort=True):
        readout = str(wells["readout"].iloc[0])
        samples = wells[wells["role"].isin(SAMPLE_ROLES)]
        targets = [by_id[i] for i in wells.loc[is_target_only(wells), "run_id"]]
        effectors = wells[wells["role"] == "effector_only"]
        if samples.empty:
            continue
        if not targets:
            missing.append((str(plate), "target_only", None))
        if readout in WITH_EFFECTOR_SIGNAL:
            needed = sorted(set(samples.loc[samples["et_ratio"] > 0, "et_ratio"]) - set(effectors["et_ratio"]))
            missing += [(str(plate), "effector_only", et_ratio) for et_ratio in needed]
        if targets:
            time = net_signal(targets[0]).time
            groups = {et: [by_id[i] for i in group["run_id"]] for et, group in effectors.groupby("et_ratio")}
            found[str(plate)] = PlateControls(
                plate=str(plate),
                readout=readout,
                time=time,
                target_only=_mean_net(targets, "signal", time),
                maximum=_mean_net(targets, "signal_maximum", time),
                target_only_wells=len(targets),
                effector_only={et: _mean_net(group, "signal", time) for et, group in groups.items()},
                effector_only_wells={et: len(group) for et, group in groups.items()},
            )
    if missing:
        raise MissingControls(missing)
    return found


def is_target_only(design: pd.DataFrame) -> pd.Series:
    """True for target-only wells, also where a swept E:T 0 without antibody is the same well under another role."""
    same = design["role"].isin(SAMPLE_ROLES) & (design["et_ratio"] == 0) & design["at_zero"]
    return (design["role"] == "target_only") | same


def percent_lysis(
    readout: str, sample: np.ndarray, target_only: np.ndarray, effector_only: np.ndarray, maximum: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """(specific, uncorrected) lysis in % from blank-subtracted readings of equal shape; NaN where it is undefined.

    Uncorrected leaves the effectors' own release in; it equals the specific one where effectors release none.
    """
    sample = np.asarray(sample, dtype=float)
    if readout in COUNTED:
        lysis = 100 * (1 - _ratio(sample, target_only))
        return lysis, lysis
    window = np.asarray(maximum, dtype=float) - target_only
    uncorrected = 100 * _ratio(sample - target_only, window)
    own = effector_only if readout in WITH_EFFECTOR_SIGNAL else np.zeros_like(sample)
    return 100 * _ratio(sample - own - target_only, window), uncorrected


def controls_table(controls: dict[str, PlateControls], design: pd.DataFrame, extra: Sequence[str] = ()) -> pd.DataFrame:
    """One row per plate and E:T: control readings at the end (raw units, blank-subtracted) and releases in % of M.

    extra: the further design columns; "all" where wells of one plate, which share their controls, differ in it.

    spontaneous_release_pct = 100 TO / M, effector_release_pct = 100 EO / M; both empty for counts and viability.
    """
    rows = []
    for plate, wells in design[design["role"].isin(SAMPLE_ROLES)].groupby("plate", sort=True):
        control = controls.get(str(plate))
        if control is None:
            continue
        first = wells.iloc[0]
        for et in sorted(set(wells["et_ratio"])):
            target, effector, maximum = (float(v[0]) for v in control.at(control.time[-1:], et))
            release = control.readout in LYSIS_READOUTS and control.readout not in COUNTED and maximum > 0
            rows.append(
                {
                    "plate": plate,
                    "cell_line": first["cell_line"],
                    "effector": first["effector"],
                    "donor": first["donor"],
                    "hours": first["hours"],
                    **{key: _shared(wells[key]) for key in extra},
                    "readout": control.readout,
                    "et_ratio": et,
                    "target_only_wells": control.target_only_wells,
                    "effector_only_wells": control.effector_only_wells.get(et, 0),
                    "target_only_raw": target,
                    "effector_only_raw": effector,
                    "maximum_raw": maximum,
                    "spontaneous_release_pct": 100 * target / maximum if release else np.nan,
                    "effector_release_pct": 100 * effector / maximum if release else np.nan,
                    "note": "" if release else "no release in this read-out",
                }
            )
    return pd.DataFrame(rows)


def _net(run: Run, name: str) -> Series:
    signal, blank = run.observables[name], run.observables["signal_blank"]
    return Series(signal.value - np.interp(signal.time, blank.time, blank.value), signal.time, signal.units)


def _mean_net(runs: Sequence[Run], name: str, time: np.ndarray) -> np.ndarray:
    series = [_net(run, name) for run in runs]
    return np.mean([np.interp(time, s.time, s.value) for s in series], axis=0)


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    below = np.broadcast_to(np.asarray(below, dtype=float), np.shape(above))
    return np.divide(above, below, out=np.full(np.shape(above), np.nan), where=below > 0)


def _shared(values: pd.Series) -> object:
    """The value that all wells of a plate have in which it means something, else "all"."""
    found = values.dropna().unique()
    return found[0] if len(found) == 1 else "all"
