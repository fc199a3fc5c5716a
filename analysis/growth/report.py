"""Self-contained HTML report of a tumour-growth study: it loads nothing from elsewhere and contains no date."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from adccsim.analysis.growth import headline, measures, testing, text
from adccsim.analysis.growth.design import GrowthDesign
from adccsim.analysis.growth.inference import MIN_BOOTSTRAP, RESAMPLES
from adccsim.analysis.growth.tables import GrowthStudy
from adccsim.analysis.html import write_page

FIGURES = {
    "mean_curves": "Mean ± SEM and geometric mean over time. Dashed lines and open symbols: at least one mouse of the "
    "arm has left, and only the survivors are averaged.",
    "individual_curves": "Every mouse. A cross marks a mouse that reached the end point or died.",
    "growth_rates": "Growth rate of every mouse, the quantity compared by the primary test.",
    "waterfall": "Best change of each mouse from its start volume, on day 10 or later.",
    "spider": "Change of each mouse from its start volume, truncated at +300 %.",
    "kaplan_meier": "Kaplan-Meier curves of the time to the end point; ticks are censored mice.",
    "body_weight": "Body weight as a measure of tolerability.",
}


def write_report(
    path: Path,
    title: str,
    studies: Sequence[GrowthStudy],
    design: GrowthDesign,
    figures: Mapping[str, Mapping[str, Path]],
    notes: Sequence[str],
    appendix: str = "",
) -> Path:
    """Write the report; figures: study -> figure name -> PNG file; notes: one sentence each. Returns the path.

    appendix: HTML (from analysis.html) after the studies, for results of simulated mice only.
    """
    return write_page(
        path,
        "growth.html",
        title=title,
        notes=notes,
        studies=[_contents(study, design, figures.get(study.name, {})) for study in studies],
        statistics=" ".join(headline.STATISTICS),
        appendix=appendix,
        volume_formula="L W² / 2" if design.volume_formula == "half" else "π/6 L W²",
        rate_days=f"{measures.RATE_DAYS:g}",
        loq=f"{design.loq_mm3:g}",
        resamples=RESAMPLES,
        min_bootstrap=MIN_BOOTSTRAP,
        type_1_errors=_type_1_errors(testing.measured()),
        coverage=_coverage(testing.measured()),
    )


def _contents(study: GrowthStudy, design: GrowthDesign, figures: Mapping[str, Path]) -> dict[str, object]:
    """Content of one study for the template."""
    tables = study.tables
    primary = tables["tests"]["role"] == "primary"
    treated = [arm for arm in study.arms if arm != study.control]
    return {
        "name": study.name,
        "control": study.control,
        "estimand": text.estimand(study),
        "volumes_title": headline.volumes_title(study),
        "volumes": headline.volumes(study),
        "measures": _measures_down(headline.headline(study)),
        "caveats": text.caveats(study),
        "primary": text.test_rows(tables["tests"][primary]),
        "other_tests": text.test_rows(tables["tests"][~primary]),
        "all_measures": [(arm, text.measure_rows(tables["comparisons"], arm)) for arm in treated],
        "combination": text.combination_rows(tables["combination"]) if len(tables["combination"]) else None,
        "figures": [(figures[name], FIGURES[name]) for name in FIGURES if name in figures],
        "tables": [
            ("Response", text.response_rows(tables["response"])),
            ("Time to the end point", text.survival_rows(tables["survival"])),
            ("Arms", text.arm_rows(tables["arms"])),
            ("Study design", text.design_sheet(study, design)),
            ("Sample size for a follow-up study", text.power_rows(tables["power"])),
        ],
    }


def _measures_down(frame: pd.DataFrame) -> pd.DataFrame:
    """The headline table transposed, one column per arm: many narrow columns of text would be hard to read."""
    if frame.empty:
        return frame
    transposed = frame.drop(columns="control").set_index("arm").T
    return transposed.rename_axis("", axis=0).rename_axis(None, axis=1).reset_index(names="measure")


def _type_1_errors(measured: Mapping) -> pd.DataFrame:
    """Measured type I errors, with the effects of drop-out and of few mice."""
    rows = []
    for situation, label in (
        ("null", "no drop-out"),
        ("zeros", "tumours regress below the limit of quantification"),
        ("drop-out null", "informative drop-out"),
        ("slowing drop-out null", "drop-out, growth slows with size"),
    ):
        for quantity, name in (
            ("slopes Welch t rejects", testing.PRIMARY),
            ("slopes permutation rejects", testing.PERMUTATION),
            ("mixed Wald z rejects", testing.MIXED),
            ("end volume Welch t rejects", testing.END_VOLUME),
            ("log-rank rejects", testing.LOG_RANK),
        ):
            fractions = measured.get(situation, {}).get(quantity)
            if fractions:
                rows.append({"type I error (%), nominal 5": label, "test": name, **_by_n(fractions)})
    return pd.DataFrame(rows)


def _coverage(measured: Mapping) -> pd.DataFrame:
    """Measured coverage of the intervals, with the effects of drop-out and of few mice."""
    rows = []
    for situation, label in (
        ("effect", "effect, no drop-out"),
        ("drop-out effect", "effect, informative drop-out"),
        ("slowing drop-out effect", "effect, drop-out, growth slows with size"),
    ):
        for quantity, name in (
            ("slopes Welch t covers", "growth-rate difference, Welch t"),
            ("mixed Wald z covers", "growth-rate difference, mixed model"),
            ("T/C bootstrap-t covers", "T/C, bootstrap-t"),
            ("k_T/k_C bootstrap-t covers", "growth-rate ratio, bootstrap-t"),
        ):
            fractions = measured.get(situation, {}).get(quantity, {})
            rows.append({"coverage (%), nominal 95": label, "interval": name, **_by_n(fractions)})
    return pd.DataFrame(rows)


def _by_n(fractions: Mapping[int, float]) -> dict[str, str]:
    return {f"n = {n}": f"{fractions[n]:.1f}" if n in fractions else "" for n in (3, 5, 8)}
