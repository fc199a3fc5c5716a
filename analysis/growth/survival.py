"""Time to the end point: Kaplan-Meier curves, medians, log-rank and hazard ratio.

Model    Event: the first reading at or above the end-point volume, an end-point event in the sheet, or death. A mouse
         removed for ulceration or weight loss is censored or counted, depending on the rule; any other end of
         observation is censored. Times are days of readings after the baseline (not interpolated).
         Interval of S(t): log-log of Greenwood's error. Median: first time with S <= 1/2, the middle of the step
         where S is exactly 1/2; its limits are where the limits of S cross 1/2. Hazard ratio: Cox with Efron's ties.
Source   statsmodels SurvfuncRight, survdiff, PHReg. Kaplan EL, Meier P. JASA 1958;53:457. Brookmeyer R, Crowley J.
         Biometrics 1982;38:29 (limits of the median). Cox DR. JRSS B 1972;34:187.
Limits   no censoring: S is the fraction of mice left, the median the sample median; no event: no median, no test;
         every event in one arm while both are at risk: the hazard ratio has no finite estimate.
                                              (tests/analysis/growth/test_survival.py; R survival in tests/reference)
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

from adccsim.analysis.growth.inference import Estimate, not_estimable

Z = 1.959963984540054
_SIZE_TERMS = ("tumour", "tumor", "size", "volume", "burden", "end point", "endpoint", "end-point")
_RULE_TERMS = {"ulceration": ("ulcer",), "weight loss": ("weight", "cachexia")}


def mouse_endpoint(
    day: np.ndarray,
    volume_mm3: np.ndarray,
    marks: list[tuple[float, str, str]],
    endpoint_mm3: float,
    other_causes: str = "censor",
) -> tuple[float, bool, str]:
    """(day, event, cause) of one mouse.

    day, volume_mm3 (T,): its readings, sorted; marks: (day, event, reason) as in the sheet. The day is NaN for a mouse
    that was never measured.
    """
    ends: list[tuple[float, int, bool, str]] = []
    reached = np.flatnonzero(volume_mm3 >= endpoint_mm3)
    if len(reached):
        ends.append((float(day[reached[0]]), 0, True, f"volume {endpoint_mm3:g} mm3"))
    for mark_day, event, reason in marks:
        counted, cause = _mark(event, reason, other_causes)
        ends.append((float(mark_day), 1 if counted else 2, counted, cause))
    if ends:
        end, _, counted, cause = min(ends)
        return end, counted, cause
    return (float(day[-1]) if len(day) else float("nan")), False, "end of observation"


def _mark(event: str, reason: str, other_causes: str) -> tuple[bool, str]:
    text = reason.casefold()
    if event == "death":
        return True, "death" + (f" ({reason})" if reason else "")
    for cause, stems in _RULE_TERMS.items():
        if any(stem in text for stem in stems):
            return other_causes == "count", cause
    if event == "endpoint" or any(term in text for term in _SIZE_TERMS):
        return True, reason or "end point"
    return False, reason or "removed"


def curve(time: np.ndarray, event: np.ndarray) -> pd.DataFrame:
    """Kaplan-Meier curve with the columns day, at_risk, events, survival, ci95_low, ci95_high; first row day 0.

    time, event: (n,). The limits are NaN where S is 0 and before the first event.
    """
    from statsmodels.duration.survfunc import SurvfuncRight

    time, event = np.asarray(time, dtype=float), np.asarray(event, dtype=bool)
    rows = [{"day": 0.0, "at_risk": len(time), "events": 0, "survival": 1.0, "ci95_low": np.nan, "ci95_high": np.nan}]
    if event.any():
        fitted = SurvfuncRight(time, event.astype(int))
        for t, n, d, s, se in zip(
            fitted.surv_times, fitted.n_risk, fitted.n_events, fitted.surv_prob, fitted.surv_prob_se, strict=True
        ):
            low, high = _log_log_limits(float(s), float(se))
            rows.append(
                {"day": t, "at_risk": int(n), "events": int(d), "survival": s, "ci95_low": low, "ci95_high": high}
            )
    return pd.DataFrame(rows)


def _log_log_limits(s: float, se: float) -> tuple[float, float]:
    if not (0 < s < 1 and se > 0):
        return float("nan"), float("nan")
    half = Z * se / (s * abs(np.log(s)))
    return float(s ** np.exp(half)), float(s ** np.exp(-half))


def median_time(table: pd.DataFrame) -> tuple[float, float, float]:
    """(median, low, high) in days from a `curve`; NaN where the curve, or its limit, does not reach 1/2."""
    day = table["day"].to_numpy()
    median, low, high = (
        _half(day, table[column].to_numpy(dtype=float), exact=column == "survival")
        for column in ("survival", "ci95_low", "ci95_high")
    )
    return median, low, high


def _half(day: np.ndarray, level: np.ndarray, exact: bool) -> float:
    reached = np.flatnonzero(level <= 0.5 + 1e-12)
    if len(reached) == 0:
        return float("nan")
    i = int(reached[0])
    # On a step at exactly 1/2 every day is a median; its middle is the sample median of an even number.
    if exact and abs(level[i] - 0.5) < 1e-12 and i + 1 < len(day):
        return float((day[i] + day[i + 1]) / 2)
    return float(day[i])


def log_rank(time: np.ndarray, event: np.ndarray, group: np.ndarray) -> Estimate:
    """Log-rank test of all groups: statistic (chi square), dof, p; arguments (n,) each."""
    from statsmodels.duration.survfunc import survdiff

    time, event, group = np.asarray(time, dtype=float), np.asarray(event, dtype=bool), np.asarray(group)
    names = np.unique(group)
    if len(names) < 2:
        return not_estimable("only one arm", method="log-rank")
    if not event.any():
        return not_estimable("no mouse reached the end point", method="log-rank")
    if len(_both_at_risk(time, event, group)) == 0:
        return not_estimable("no event while several arms are at risk", method="log-rank")
    try:
        chi2 = float(survdiff(time, event.astype(int), group)[0])
    except np.linalg.LinAlgError:
        return not_estimable("one arm is never at risk at the same time as the others", method="log-rank")
    dof = len(names) - 1
    return Estimate(statistic=chi2, dof=dof, p=float(stats.chi2.sf(chi2, dof)), method="log-rank")


def _both_at_risk(time: np.ndarray, event: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Event times at which mice of more than one group are still at risk."""
    times = np.unique(time[event])
    return np.array([t for t in times if len(np.unique(group[time >= t])) > 1])


def hazard_ratio(time: np.ndarray, event: np.ndarray, treated: np.ndarray) -> Estimate:
    """Cox hazard ratio treated / control with 95 % interval and Wald p; all (n,), treated boolean."""
    from statsmodels.duration.hazard_regression import PHReg

    time, event = np.asarray(time, dtype=float), np.asarray(event, dtype=bool)
    treated = np.asarray(treated, dtype=bool)
    method = "Cox, Efron ties"
    for name, arm in (("treated", treated), ("control", ~treated)):
        if not arm.any():
            return not_estimable(f"no mouse in the {name} arm", method=method)
        if not event[arm].any():
            return not_estimable(f"no event in the {name} arm", method=method)
    shared = _both_at_risk(time, event, treated)
    in_both = np.isin(time, shared) & event
    # With one binary covariate the likelihood has no maximum if and only if all informative events are in one arm.
    if len(shared) == 0 or len(np.unique(treated[in_both])) < 2:
        reason = "perfect separation: while both arms are at risk, all events are in one arm"
        return not_estimable(reason, method=method)
    fitted = PHReg(time, treated[:, None].astype(float), status=event.astype(int), ties="efron").fit(disp=0)
    log_hr, se = float(fitted.params[0]), float(fitted.bse[0])
    if not (np.isfinite(log_hr) and np.isfinite(se) and se < 10):
        return not_estimable("the Cox model does not converge", method=method)
    z = log_hr / se
    return Estimate(
        log_hr, log_hr - Z * se, log_hr + Z * se, z, None, float(2 * stats.norm.sf(abs(z))), method
    ).through(lambda q: float(np.exp(q)))
