"""A complete study from sheet to report: the example, difficult studies, exports, several studies, paired arms."""

import re
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from adccsim.analysis.errors import SheetError
from adccsim.analysis.growth.design import GrowthDesign
from adccsim.analysis.growth.study import analyse_growth, examine_rows
from tests.analysis.growth.awkward import AWKWARD, DAYS, GROW, NAN, jitter, several
from tests.analysis.growth.sheets import exponential, rows_of

EXAMPLE = Path(__file__).parents[3] / "scenarios" / "data" / "example_caliper.csv"
TABLES = {"mice", "arms", "volumes_by_day", "comparisons", "tests", "response", "survival", "survival_curve", "power"}
FIGURES = {"mean_curves", "individual_curves", "spider", "waterfall", "growth_rates", "kaplan_meier", "body_weight"}
TEXT_COLUMNS = {"study", "arm", "arms", "mouse", "note", "method", "unit", "cause", "causes"}


def analyse_rows(rows, out_dir, *args, with_figures=True, **options):
    """Analyse rows and write all results into a folder."""
    return examine_rows(rows, *args, **options).write(out_dir, with_figures)


def quietly(rows, out_dir, **kwargs):
    """analyse_rows with warnings as errors, and a check of the rules for all tables."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = analyse_rows(rows, out_dir, **{"with_figures": False} | kwargs)
    check(result, out_dir)
    return result


def check(result, out_dir):
    assert result.problems == []
    for name in result.tables:
        text = (out_dir / "tables" / f"{name}.csv").read_text(encoding="utf-8")
        assert not re.search(r"(^|,)(nan|inf|-inf|None|<NA>)(,|$)", text, flags=re.MULTILINE | re.IGNORECASE), name
        written = pd.read_csv(out_dir / "tables" / f"{name}.csv", keep_default_na=False, dtype=str)
        numbers = [c for c in written if c not in TEXT_COLUMNS]
        unexplained = written[(written[numbers] == "").any(axis=1) & (written["note"] == "")]
        assert unexplained.empty, (name, unexplained)
        assert not written["note"].str.contains("not available").any(), (name, written)  # a note must state the reason
    page = (out_dir / "report.html").read_text(encoding="utf-8")
    assert not re.search(r">\s*(nan|inf|-inf|None|<NA>)\s*<", page, flags=re.IGNORECASE)
    text = re.sub(r'src="data:[^"]*"', "", page)
    assert "http" not in text and "src=" not in text and "<script" not in text
    assert page.count('src="data:image/png') == len(result.figures) / 2
    assert all(path.is_file() for path in [result.report, *result.figures, *result.exports])
    assert result.text()


def of_test(result, name):
    table = result.tables["tests"]
    return table[table["test"] == name].set_index("arm")


def measure(result, arm, name):
    table = result.tables["comparisons"]
    return table[(table["arm"] == arm) & (table["measure"] == name)].iloc[0]


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    folder = tmp_path_factory.mktemp("example")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return analyse_growth(EXAMPLE, folder), folder


def test_example_gives_every_table_and_figure(example):
    result, folder = example
    check(result, folder)
    assert set(result.tables) == TABLES | {"combination", "design"}
    assert {p.stem for p in result.figures} == FIGURES
    assert {p.suffix for p in result.figures} == {".png", ".svg"}
    assert len(result.tables["mice"]) == 40
    assert result.headline.attrs["title"].startswith("Example")


def test_example_recovers_the_values_it_was_simulated_with(example):
    result, _ = example
    # Mean growth rates per day used to simulate the sheet; standard errors from the slopes of eight mice.
    truth = {"vehicle": 0.118, "trastuzumab": 0.084, "trastuzumab Fc-null": 0.107, "pertuzumab": 0.097}
    arms = result.tables["arms"].set_index("arm")
    for arm, rate in truth.items():
        error = arms.loc[arm, "growth_rate_sd"] / np.sqrt(8)
        assert abs(arms.loc[arm, "growth_rate_per_day"] - rate) < 4 * error
    survival = result.tables["survival"].set_index("arm")
    assert "ulceration: 1" in survival.loc["trastuzumab", "causes"]
    assert "death (found dead, cause unknown): 1" in survival.loc["pertuzumab", "causes"]
    primary = of_test(result, "Welch t on growth rates")
    assert (primary["role"] == "primary").all()
    assert primary["measured_type_1_error_pct"].between(4, 6).all()
    assert of_test(result, "mixed model, Wald z")["measured_type_1_error_pct"].min() > 6
    assert set(result.tables["combination"]["measure"]) >= {
        "bliss_excess",
        "adcc_fraction_log_scale",
        "adcc_fraction_linear_scale",
    }


def test_no_bare_tgi_anywhere(example):
    result, _ = example
    columns = {c for t in result.tables.values() for c in t} | set(result.tables["comparisons"]["measure"])
    assert not {c for c in columns if c.lower() in ("tgi", "tgi_pct", "tgi (%)")}


def test_export_analysed_alone_gives_the_same_numbers(example, tmp_path):
    """The tidy export is sufficient: without source, design file and first results all numbers agree to 1e-9."""
    result, folder = example
    copy, design = tmp_path / "alone.csv", tmp_path / "alone.toml"
    copy.write_bytes((folder / "exports" / "caliper.csv").read_bytes())
    design.write_bytes(EXAMPLE.with_suffix(".toml").read_bytes())
    again = analyse_growth(copy, tmp_path / "out", with_figures=False)
    assert set(again.tables) == set(result.tables)
    for name, table in result.tables.items():
        pd.testing.assert_frame_equal(table, again.tables[name], rtol=1e-9, atol=1e-12)


def test_source_removed_after_export(tmp_path):
    """Rows of simulated mice, their source deleted after the first analysis: the CSV holds all data."""
    source = tmp_path / "runs.pkl"
    exponential({"vehicle": 0.12, "drug": 0.08}, seed=4).to_pickle(source)
    first = analyse_rows(pd.read_pickle(source), tmp_path / "first", with_figures=False)
    source.unlink()
    again = analyse_growth(tmp_path / "first" / "exports" / "caliper.csv", tmp_path / "again", with_figures=False)
    for name, table in first.tables.items():
        if name != "design":
            pd.testing.assert_frame_equal(table, again.tables[name], rtol=1e-9, atol=1e-12)


def test_the_same_rows_give_the_same_bytes(tmp_path):
    rows = exponential({"vehicle": 0.12, "drug": 0.08}, mice=4)
    for name in ("a", "b"):
        analyse_rows(rows, tmp_path / name)
    files = [p.relative_to(tmp_path / "a") for p in (tmp_path / "a").rglob("*") if p.is_file()]
    assert len(files) > 15
    for file in files:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes(), file


@pytest.mark.parametrize("name", AWKWARD)
def test_awkward_studies_give_tables_and_reasons(tmp_path, name):
    result = quietly(AWKWARD[name], tmp_path, with_figures=True)
    assert result.figures
    assert {"mice", "arms", "volumes_by_day", "response", "survival", "power"} <= set(result.tables)


def test_three_mice_two_days(tmp_path):
    result = quietly(AWKWARD["three mice, two days"], tmp_path)
    primary = of_test(result, "Welch t on growth rates").loc["drug"]
    assert primary["p"] < 0.05
    assert of_test(result, "mixed model, Wald z").loc["drug", "note"].startswith("not estimable: no more readings")
    assert measure(result, "drug", "tgi_tc")["value"] == pytest.approx(100 * (1 - 1320 / 2690))
    assert "needs 4 mice" in measure(result, "drug", "tgi_tc")["note"]


def test_regression_to_zero(tmp_path):
    result = quietly(AWKWARD["regression to zero"], tmp_path)
    assert measure(result, "drug", "tgi_tc")["value"] == 100
    assert measure(result, "drug", "tgi_piecewise")["value"] == 200
    assert "zero" in measure(result, "drug", "tgi_tc")["note"]
    assert result.tables["arms"].set_index("arm").loc["drug", "readings_below_loq"] == 15
    assert set(result.tables["mice"].set_index("arm").loc["drug", "mrecist"]) == {"CR"}


def test_one_mouse_arms(tmp_path):
    result = quietly(AWKWARD["one mouse per arm"], tmp_path)
    primary = of_test(result, "Welch t on growth rates").loc["drug"]
    assert primary["note"].startswith("not estimable: an arm has one mouse")
    assert np.isnan(primary["p"]) and np.isfinite(primary["value"])


def test_equal_slopes(tmp_path):
    result = quietly(AWKWARD["equal slopes in each arm"], tmp_path)
    assert "no growth rate differs" in of_test(result, "Welch t on growth rates").loc["drug", "note"]


def test_perfect_separation_and_unreached_median(tmp_path):
    design = GrowthDesign(endpoint_mm3=1000)
    result = quietly(AWKWARD["perfect separation"], tmp_path, design=design)
    assert "perfect separation" in measure(result, "drug", "hazard_ratio")["note"]
    assert measure(result, "drug", "median_survival_ratio")["value"] == pytest.approx(2.1)
    far = quietly(AWKWARD["perfect separation"], tmp_path / "far", design=GrowthDesign(endpoint_mm3=9000))
    assert "not reached" in measure(far, "drug", "median_survival_ratio")["note"]
    assert far.tables["survival"]["note"].tolist() == ["median not reached"] * 2
    assert "no mouse reached the end point" in of_test(far, "log-rank").loc["drug", "note"]


def test_growth_delay_and_log_cell_kill(tmp_path):
    # Doubling in 5 and in 10 days from equal starts: the delay to 2 x is 5 d, to 4 x 10 d.
    vehicle = [[100, 200, 400, 800, 1600]] * 4
    drug = [[100, 141.421356, 200, 282.842712, 400]] * 4
    result = quietly(rows_of({"vehicle": vehicle, "drug": drug}, (0, 5, 10, 15, 20)), tmp_path)
    assert measure(result, "drug", "growth_delay_2x")["value"] == pytest.approx(5, rel=1e-6)
    assert measure(result, "drug", "growth_delay_4x")["value"] == pytest.approx(10, rel=1e-6)
    assert measure(result, "drug", "log_cell_kill_4x")["value"] == pytest.approx(10 / (3.32 * 5), rel=1e-6)
    assert "reached this volume" in measure(result, "drug", "growth_delay_1000_mm3")["note"]


def test_volumes_of_mice_that_left_are_not_carried_forward(tmp_path):
    rows = rows_of({"vehicle": several(GROW), "drug": [*several(GROW, 4), [100, 900, NAN, NAN, NAN]]}, DAYS)
    result = quietly(rows, tmp_path)
    arm = result.tables["arms"].set_index("arm").loc["drug"]
    left = [jitter(GROW, i)[4] for i in range(4)]
    assert arm["mean_volume_mm3"] == pytest.approx(np.mean(left))
    assert (arm["mice"], arm["mice_read"]) == (5, 4)
    assert "1 of 5 mice not measured on day 21" in arm["note"]
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "drug 4 of 5" in page and "no value is carried forward" in page


def test_report_has_caveats_on_few_mice_and_on_mice_that_left(tmp_path):
    rows = rows_of({"vehicle": several(GROW, 3), "drug": [*several(GROW, 3), [100, 900, NAN, NAN, NAN]]}, DAYS)
    quietly(rows, tmp_path / "few")
    page = (tmp_path / "few" / "report.html").read_text(encoding="utf-8")
    assert "vehicle has 3 mice with a growth rate" in page
    assert "Mice not measured until day 21: drug 1." in page
    quietly(rows_of({"vehicle": several(GROW), "drug": several(GROW)}, DAYS), tmp_path / "calm")
    assert "Caveats" not in (tmp_path / "calm" / "report.html").read_text(encoding="utf-8")


def test_duplicate_rows_are_noted(tmp_path):
    rows = AWKWARD["perfect separation"]
    result = quietly(pd.concat([rows, rows.iloc[:3]]), tmp_path)
    assert any("counted once" in note for note in result.notes)
    assert "counted once" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_paired_arms_are_blocks(tmp_path):
    """The same random numbers in both arms: only blocks detect a difference far below the SD between mice."""
    control = exponential({"vehicle": 0.1}, rate_sd=0.02, noise=0.0)
    shift = np.where(control["mouse"].isin(["m1", "m2", "m3", "m4"]), 0.0018, 0.0022)
    twin = control.assign(arm="drug", volume_mm3=control["volume_mm3"] * np.exp(-shift * control["day"]))
    rows = pd.concat([control, twin])
    apart = of_test(quietly(rows, tmp_path / "apart"), "Welch t on growth rates").loc["drug"]
    blocks = quietly(rows, tmp_path / "blocks", design=GrowthDesign(paired=True))
    together = of_test(blocks, "paired t on growth rates").loc["drug"]
    assert apart["p"] > 0.5
    assert together["p"] < 1e-6
    assert together["value"] == pytest.approx(-0.002, rel=1e-6)
    assert of_test(blocks, "permutation of growth rates").loc["drug", "note"].startswith("not estimable: paired")


def test_two_studies_in_one_sheet(tmp_path):
    one = exponential({"vehicle": 0.12, "drug": 0.08}, mice=4)
    two = exponential({"Control": 0.1, "drug": 0.09}, mice=5, seed=9).assign(study="t 2")
    result = quietly(pd.concat([one, two]), tmp_path, with_figures=True)
    assert result.tables["tests"].groupby("study", sort=False)["control"].first().to_dict() == {
        "s": "vehicle",
        "t 2": "Control",
    }
    assert (tmp_path / "figures" / "t_2_waterfall.png").is_file()
    alone = quietly(two, tmp_path / "alone")
    merged = result.tables["tests"].query("study == 't 2'").reset_index(drop=True)
    pd.testing.assert_frame_equal(alone.tables["tests"], merged, check_dtype=False)


def test_control_is_needed_and_nothing_is_written(tmp_path):
    rows = exponential({"a": 0.1, "b": 0.1}, mice=2)
    with pytest.raises(SheetError, match="name the control arm, one of a, b"):
        analyse_rows(rows, tmp_path / "out")
    with pytest.raises(SheetError, match="'c' is not among the arms"):
        analyse_rows(rows, tmp_path / "out", control="c")
    with pytest.raises(SheetError, match="the study design file names the arm 'x'"):
        analyse_rows(rows, tmp_path / "out", GrowthDesign(arms={"x": {}}), control="a")
    assert not (tmp_path / "out").exists()
    assert quietly(rows, tmp_path / "b", control="B").tables["tests"]["control"].iloc[0] == "b"


def test_a_treatment_effect_and_its_absence_are_detected(tmp_path):
    """T/C, growth-rate inhibition and Holm on data with known truth; bounds are four standard errors of the rates."""
    result = quietly(exponential({"vehicle": 0.12, "same": 0.12, "slow": 0.06}, mice=12, seed=2), tmp_path)
    primary = of_test(result, "Welch t on growth rates")
    for arm, truth in (("same", 0.0), ("slow", -0.06)):
        error = abs(primary.loc[arm, "value"] / primary.loc[arm, "statistic"])
        assert abs(primary.loc[arm, "value"] - truth) < 4 * error
    assert primary.loc["slow", "p_holm"] < 1e-6
    assert primary.loc["same", "p_holm"] == pytest.approx(primary.loc["same", "p"])
    inhibition = measure(result, "slow", "growth_rate_inhibition")
    assert inhibition["ci95_low"] < 50 < inhibition["ci95_high"]
    rate = measure(result, "slow", "rate_tc_21d")
    assert rate["value"] == pytest.approx(100 * np.exp(21 * primary.loc["slow", "value"]))
