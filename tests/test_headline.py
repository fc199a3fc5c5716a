"""The headline programme: its panel is reproducible, its judges detect agreement, its table is complete."""

import math
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

REPOSITORY = Path(__file__).parents[1]
sys.path.insert(0, str(REPOSITORY / "benchmarks" / "xenograft_growth"))

import headline  # noqa: E402
import headline_judges as judges  # noqa: E402
import headline_rows  # noqa: E402
import headline_table as tables  # noqa: E402
import panel  # noqa: E402

from adccsim.analysis.growth.caliper_rows import COLUMNS  # noqa: E402
from adccsim.analysis.growth.inference import Estimate  # noqa: E402
from adccsim.analysis.growth.tables import mouse_table  # noqa: E402
from adccsim.parameters import lookup  # noqa: E402
from adccsim.scenario.load import scenario_from_text  # noqa: E402
from adccsim.scenario.shipped import shipped  # noqa: E402

DAYS = np.array([0.0, 3.0, 7.0, 10.0, 14.0, 17.0, 21.0])


def study(rates, mice=6, start=120.0, endpoint=1e9, days=DAYS, spread=0.002):
    """Exponential tumours: arm -> growth rate per day; mouse i of every arm is the same animal."""
    deviation = spread * np.linspace(-1.0, 1.0, mice)
    rows = [
        {
            "study": "s",
            "arm": arm,
            "mouse": str(i + 1),
            "day": day,
            "volume_mm3": start * math.exp((rate + deviation[i]) * day),
        }
        for arm, rate in rates.items()
        for i in range(mice)
        for day in days
    ]
    frame = pd.DataFrame(rows).assign(event="", reason="", body_weight_g=np.nan)[list(COLUMNS)]
    return mice_of(frame, endpoint)


def mice_of(frame, endpoint=1e9):
    from adccsim.analysis.growth.design import GrowthDesign

    design = GrowthDesign(endpoint_mm3=endpoint, paired=True)
    table = mouse_table(frame, "vehicle", design, 0.0, float(frame["day"].max()))
    return judges.Mice("vehicle", frame, table, 20.0)


# -- panel ----------------------------------------------------------------------------------------------------------


def test_the_panel_can_be_drawn_again():
    assert panel.read() == panel.draw()
    assert panel.draw(panel.SEED + 1) != panel.draw()


def test_every_design_gives_a_valid_scenario_with_its_values():
    for design in panel.read():
        scenario = scenario_from_text(panel.scenario_text(design, 0.001))
        vehicle, treated = scenario.arm
        assert (vehicle.mice, treated.mice) == (design.mice, design.mice)
        assert scenario.tumour.clone[0].growth_per_d == design.growth_per_d
        assert [dose.mg_per_kg for dose in treated.dose] == [design.mg_per_kg]
        assert list(treated.dose[0].days) == design.dose_days
        assert scenario.study.endpoint_mm3 == design.endpoint_mm3


def test_drawn_values_lie_within_the_ranges_of_the_catalogue():
    catalogue = lookup.load()
    for design in panel.read():
        growth = catalogue.tumours[design.line].numbers["growth_per_d"]
        assert growth.low <= design.growth_per_d <= growth.high
        assert design.strain in catalogue.mice


def test_lines_and_strains_are_drawn_with_the_stated_probabilities():
    designs = [design for seed in range(60) for design in panel.draw(seed)]
    for probabilities, name in ((panel.LINES, "line"), (panel.STRAINS, "strain"), (panel.ROUTES, "route")):
        for key, probability in probabilities.items():
            p = probability[0] if isinstance(probability, tuple) else probability
            fraction = np.mean([getattr(design, name) == key for design in designs])
            assert abs(fraction - p) < 4.0 * math.sqrt(p * (1.0 - p) / len(designs)), key


# -- judges ---------------------------------------------------------------------------------------------------------


def test_inhibition_is_computed_from_the_means_of_the_last_day():
    mice = study({"vehicle": 0.10, "trastuzumab": 0.06})
    tc = mice.tc("trastuzumab")
    assert tc.value == pytest.approx(100.0 * math.exp(-0.04 * 21.0), rel=1e-6)
    within = judges.inhibition_within("a", "trastuzumab", 52.5, 68.4)({"a": mice})
    assert within.holds and within.value == pytest.approx(100.0 - tc.value)
    assert not judges.inhibition_within("a", "trastuzumab", 80.0, 90.0)({"a": mice}).holds


def test_an_interval_overlaps_a_band_or_not():
    assert judges.overlaps(Estimate(40.0, 30.0, 53.0), 52.5, 68.4)
    assert not judges.overlaps(Estimate(40.0, 30.0, 52.0), 52.5, 68.4)
    assert not judges.overlaps(Estimate(80.0, 69.0, 90.0), 52.5, 68.4)
    assert judges.overlaps(Estimate(60.0), 52.5, 68.4)
    assert not judges.overlaps(Estimate(), 52.5, 68.4)


def noisy(mice, rng, arm, sd):
    """The same study with growth rates of one arm that vary with this SD."""
    rows = mice.rows.copy()
    for name, group in rows[rows["arm"] == arm].groupby("mouse"):
        rows.loc[group.index, "volume_mm3"] *= np.exp(rng.normal(0.0, sd) * group["day"])
        assert name
    return mice_of(rows)


def test_an_order_holds_only_beyond_the_interval():
    rng = np.random.default_rng(1)
    mice = noisy(study({"vehicle": 0.1, "a": 0.06, "b": 0.08, "c": 0.0601}), rng, "a", 0.004)
    assert judges.better([("s", "a", "b")])({"s": mice}).holds
    assert not judges.better([("s", "b", "a")])({"s": mice}).holds
    assert not judges.better([("s", "a", "c")])({"s": mice}).holds
    assert not judges.better([("s", "a", "b"), ("s", "a", "c")])({"s": mice}).holds
    assert judges.no_gain("s", "a", "c")({"s": mice}).holds
    assert not judges.no_gain("s", "a", "b")({"s": mice}).holds


def test_no_effect_is_an_interval_or_a_small_difference():
    rng = np.random.default_rng(2)
    mice = noisy(study({"vehicle": 0.1, "same": 0.098, "half": 0.07}), rng, "half", 0.002)
    assert judges.no_effect("s", "same")({"s": mice}).holds
    assert not judges.no_effect("s", "half")({"s": mice}).holds


def test_small_and_established_are_compared_by_their_effects():
    rng = np.random.default_rng(3)
    small = noisy(study({"vehicle": 0.1, "t": 0.05}, start=40.0), rng, "t", 0.003)
    large = noisy(study({"vehicle": 0.08, "t": 0.06}), rng, "t", 0.003)
    assert judges.stronger_in("a", "b", "t")({"a": small, "b": large}).holds
    assert not judges.stronger_in("a", "b", "t")({"a": large, "b": small}).holds


def test_the_first_two_strains_may_be_equal_and_the_others_must_fall():
    rng = np.random.default_rng(4)
    effects = {"nude": 0.04, "SCID": 0.0401, "NSG": 0.06, "FcgR-null": 0.08}
    of = {k: noisy(study({"vehicle": 0.1, "t": rate}), rng, "t", 0.003) for k, rate in effects.items()}
    assert judges.strains(list(effects), "t")(of).holds
    assert not judges.strains(["SCID", "NSG", "nude", "FcgR-null"], "t")(of).holds
    assert not judges.strains(["NSG", "nude", "SCID", "FcgR-null"], "t")(of).holds


def test_regression_counts_mice_that_lost_half_their_volume():
    mice = study({"vehicle": 0.1, "shrinks": -0.05, "stays": -0.01})
    assert judges.regression("s", "shrinks")({"s": mice}).value == 100.0
    assert not judges.regression("s", "stays")({"s": mice}).holds


def test_recurrence_needs_a_complete_response_first():
    base = study({"vehicle": 0.05, "stopped": 0.0}, days=np.arange(0.0, 85.0, 7.0))
    rows = base.rows.copy()
    arm = rows["arm"] == "stopped"
    day = rows.loc[arm, "day"]
    rows.loc[arm, "volume_mm3"] = 120.0 * np.exp(np.where(day < 35.0, -0.05 * day, -1.75 + 0.08 * (day - 35.0)))
    result = judges.recurrence("s", "stopped", 42.0)({"s": mice_of(rows)})
    assert result.holds and result.text == "6 of 6 complete, 6 of them recurred"
    assert not judges.recurrence("s", "stopped", 14.0)({"s": mice_of(rows)}).holds
    rows.loc[arm, "volume_mm3"] = 120.0 * np.exp(-0.05 * day)
    assert not judges.recurrence("s", "stopped", 42.0)({"s": mice_of(rows)}).holds
    assert not judges.recurrence("s", "vehicle", 42.0)({"s": mice_of(rows)}).holds


# -- pooled figures -------------------------------------------------------------------------------------------------


def test_pooled_tc_is_the_mean_over_the_designs():
    of = {
        f"d{i}": study({"vehicle": 0.1, "trastuzumab": 0.1 + effect}) for i, effect in enumerate((-0.04, -0.06, -0.05))
    }
    result = judges.pooled_tc(tuple(of), 27.8, 38.2)(of)
    # Equal relative errors: the pooled ln ratio is the mean of the three.
    assert result.value == pytest.approx(100.0 * math.exp(-0.05 * 21.0), rel=0.01)
    assert result.low < result.value < result.high and result.holds
    assert not judges.pooled_tc(tuple(of), 60.0, 70.0)(of).holds


def test_random_effects_widen_with_the_variance_between_designs():
    """Equal errors: the variance of the mean is (within + between) / n, between = observed - within."""
    effects, within = np.log([0.2, 0.3, 0.45, 0.6]), 0.01
    result = judges.random_effects(effects, np.full(4, within))
    assert result.value == pytest.approx(effects.mean())
    half = 1.959964 * math.sqrt(effects.var(ddof=1) / 4)
    assert result.high - result.value == pytest.approx(half, rel=1e-5)


def test_pooled_survival_sets_an_unreached_median_to_the_last_day():
    days = np.arange(0.0, 85.0, 2.0)
    reached = study({"vehicle": 0.08, "trastuzumab": 0.05}, endpoint=1000.0, days=days)
    never = study({"vehicle": 0.08, "trastuzumab": 0.0}, endpoint=1000.0, days=days)
    both = {"a": reached, "b": never}
    result = judges.pooled_survival(("a", "b"), 1.3, 1.62)(both)
    assert "1 at the last day" in result.text and "over 2 designs" in result.text
    ratios = [44.0 / 28.0, 84.0 / 28.0]
    assert result.value == pytest.approx(math.sqrt(ratios[0] * ratios[1]), rel=0.05)


def test_weights_change_the_pooled_ratio():
    values = np.log([1.2, 1.5, 1.8])
    equal = judges.weighted_mean(values, np.ones(3))
    assert equal.value == pytest.approx(values.mean())
    half = 4.302653 * values.std(ddof=1) / math.sqrt(3)
    assert equal.high - equal.value == pytest.approx(half, rel=1e-5)
    assert judges.weighted_mean(values, np.array([1.0, 1.0, 4.0])).value > equal.value


# -- programme and table --------------------------------------------------------------------------------------------


def table_rows():
    volume = tuple(d.name for d in panel.read() if d.outcome == "volume")
    survival = tuple(d.name for d in panel.read() if d.outcome == "survival")
    return headline_rows.rows(volume, survival)


def test_every_row_uses_studies_of_the_programme():
    names = {trial.name for trial in headline.trials()}
    for row in table_rows():
        assert {name.split(":")[0] for name in row.trials} <= names
        assert bool(row.why) == (row.standing == judges.GIVEN)
        assert row.rule and row.source
    for trial in headline.trials():
        assert trial.scenario in shipped() or trial.scenario in headline.PANEL


def overlays(folder):
    """Artificial points of the ridge."""

    def number(value, unit):
        return f'{{ value = {value}, low = 0.0, high = 0.2, unit = "{unit}", source = "test", provenance = "assumed" }}'

    folder.mkdir()
    for name, density in (("mixed_nk50", 0.02), ("effectors_nk50", 0.03), ("direct", 0.0)):
        text = "".join(
            f"[residents.mouse-{kind}]\ndensity_per_tumour_cell = {number(density / 2, '1/cell')}\n"
            for kind in ("NK", "myeloid")
        )
        (folder / f"n87_{name}.toml").write_text(text, encoding="utf-8")
    return folder


def test_controls_are_shared_only_if_points_differ_in_effectors_alone(tmp_path):
    points = overlays(tmp_path / "points")
    paths = {point: path for trial, point, path in headline.programme(tmp_path / "out", points, ["lcc6"])}
    assert next(iter(paths)) == headline.SOME[0]
    mice = {point: path.read_text("utf-8").count("mice = 8") for point, path in paths.items()}
    assert mice == {"n87_mixed_nk50": 2, "n87_direct": 1, "n87_effectors_nk50": 1}
    growth = '[tumours.LCC6-HER2]\ngrowth_per_d = { value = 0.1, low = 0.0, high = 0.2, unit = "1/d", source = "test", '
    path = points / "n87_direct.toml"
    path.write_text(path.read_text("utf-8") + growth + 'provenance = "assumed" }\n', encoding="utf-8")
    again = {point: path for trial, point, path in headline.programme(tmp_path / "out", points, ["lcc6"])}
    assert again["n87_direct"].read_text("utf-8").count("mice = 8") == 2


def test_a_missing_point_stops_the_programme(tmp_path):
    (tmp_path / "points").mkdir()
    with pytest.raises(SystemExit, match="n87_mixed_nk50"):
        headline.programme(tmp_path / "out", tmp_path / "points", None)


def test_a_row_is_assessed_over_all_its_points():
    results = [
        judges.Result(1.0, 0.5, 1.5, True, ""),
        judges.Result(3.0, None, None, False, ""),
        judges.Result(2.0, 1, 4, True, ""),
    ]
    assert tables.assessment({"a": results[0], "b": results[2]}) == tables.AGREES
    assert tables.assessment(dict(zip("abc", results, strict=True))) == tables.IN_PART
    assert tables.assessment({"b": results[1]}) == tables.NOT
    assert tables.assessment({}) == tables.NOT_RUN
    assert tables.interval(dict(zip("abc", results, strict=True))) == (2.0, 0.5, 4.0)


def test_the_table_marks_rows_not_counted_and_not_run(tmp_path):
    by_point = {
        "n87_p": {"lcc6": study({"vehicle": 0.1, "trastuzumab": 0.06})},
        "n87_q": {"lcc6": study({"vehicle": 0.1, "trastuzumab": 0.095})},
        "bt474": {"lcc6": study({"vehicle": 0.1, "trastuzumab": 0.06})},  # shown, not assessed
    }
    entries = {row.name: tables.entry(row, by_point) for row in table_rows()}
    assert entries["lcc6"]["verdict"] == tables.IN_PART
    assert entries["lcc6"]["points"]["n87_p"]["agrees"] and not entries["lcc6"]["points"]["n87_q"]["agrees"]
    assert entries["calu3_both"]["verdict"] == tables.NOT_RUN
    document = {
        "title": "T",
        "written": "2026-01-01",
        "versions": {"model": "m"},
        "mice": 1,
        "processor_time_s": 60,
        "counted": {status: 0 for status in (tables.AGREES, tables.IN_PART, tables.NOT, tables.NOT_RUN)},
        "rows": list(entries.values()),
        "calibration": [{"fit": "N87", "asked_mm3": 1168.0, "volume_mm3": 1170.0}],
        "size": None,
        "points": ["n87_p", "n87_q"],
        "problems": [],
    }
    text = tables.markdown(document)
    assert "| in part | 1 of 2 |" in text
    assert "calibration" in text and "(by construction)" in text


@pytest.mark.slow
def test_the_programme_runs_from_end_to_end(tmp_path, monkeypatch):
    small = headline.Trial("her2_negative", "her2_negative", 4, ("study.days=7",), headline.ALL_POINTS, 0.0003)
    monkeypatch.setattr(headline, "trials", lambda: [small])
    text = headline.Trial.text(small).replace("days = [0, 7, 14, 21]", "days = [0]")
    monkeypatch.setattr(headline.Trial, "text", lambda self: text)
    studies = headline.programme(tmp_path / "out", overlays(tmp_path / "points"), None)
    assert headline.run_all(studies, 1, tmp_path / "log.jsonl")
    document = tables.write(table_rows(), studies, tmp_path / "points", tmp_path / "out", tmp_path / "results")
    row = next(row for row in document["rows"] if row["name"] == "her2_negative")
    assert len(row["points"]) == 3 and all(result["agrees"] for result in row["points"].values())
    assert {path.name for path in (tmp_path / "results").iterdir()} == {
        "xenograft_headline.json",
        "xenograft_headline.md",
    }
