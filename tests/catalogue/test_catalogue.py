"""The catalogue: complete, inside its ranges, consistent with the model, and strict with what a user lays over it."""

import json
import math
import tomllib
from importlib import resources
from pathlib import Path

import pytest

from adccsim.parameters import fields, lookup

FIT = Path(__file__).parents[2] / "benchmarks" / "in_vitro_lysis" / "calibration"
CELL_LINES = {
    "SK-BR-3", "BT-474", "MDA-MB-453", "MCF-7", "JIMT-1", "NCI-N87", "SKOV-3", "HCC1954", "MDA-MB-361", "T47D",
    "MDA-MB-231", "MDA-MB-468", "Calu-3", "KPL-4", "MCF7-HER2", "LCC6-HER2", "721.221",
}  # fmt: skip
EFFECTORS = {"NK-resting", "NK-IL2", "CD56-isolated", "PBMC", "NK-92-CD16a-V158", "NK-92-CD16a-F158", "NK-92"}
ANTIBODIES = {
    "trastuzumab", "trastuzumab-afucosylated", "trastuzumab-deglycosylated", "trastuzumab-F(ab')2", "pertuzumab",
    "trastuzumab+pertuzumab", "trastuzumab-hinge-cleaved", "isotype-control", "trastuzumab-Fc-null",
}  # fmt: skip
MECHANISMS = {
    "none", "PTEN-loss", "PIK3CA-mutation", "EGFR-up", "HER3-up", "MET-up", "EphA2-up", "IQGAP1-up", "MUC4-masking",
    "MUC1-masking", "p95HER2", "HER2-loss", "antigen-modulation", "acquired-resistance", "lapatinib",
}  # fmt: skip
WELLS = {"96-flat", "96-U", "384-flat", "96-field-3mm", "96-field-1.5mm", "microwell"}
READOUTS = {"LDH", "51Cr", "calcein", "live-count", "viability"}

FIELDS = {
    "cell_lines": "her2_per_cell her2_cv her2_null_fraction p95_fraction masked_fraction her2_internalisation_per_h "
    "modulation_factor hits_to_kill hits_log_sd repair_time_h death_time_h spontaneous_death_per_h clearance_time_h "
    "culture_death_per_h "
    "doubling_time_h direct_effect_max direct_response direct_occupancy_half direct_onset_h "
    "natural_sensitivity growth_block contact_fraction description",
    "effectors": "nk_fraction cd16a_per_cell cd16a_cv speed_um_per_min persistence_min motility immobile_fraction "
    "memory_fade_per_h conjugation_min conjugation_max conjugate_lifetime_h post_kill_attachment_h shedding_detachment "
    "antibody_hit_per_h natural_hit_per_h natural_competent_fraction antibody_competent_fraction potency_log_sd "
    "potency_cap bridges_half bridges_hill cd16a_shedding_per_h granules_mean granule_reload_h contact_fraction "
    "death_per_h death_per_kill late_killing_per_h ldh_content donor_potency_log_sd donor_motility_log_sd "
    "donor_bridges_log10_sd donor_purity_log_sd genotype_ff_fraction genotype_vf_fraction genotype_vv_fraction "
    "genotype is_cell_line description",
    "antibodies": "molar_mass_kda kon_per_nM_h kd_nM cross_link_per_receptor one_arm_weight k16_v158_nM k16_f158_ratio "
    "k2_bridges fc_gain direct_effect epitope partner description",
    "wells": "area_mm2 volume_ul default_cells max_layers layer_filling shape description",
    "readouts": "release_delay_h leak_per_h counts_effectors blank full_scale raw_unit description",
}


@pytest.fixture(scope="module")
def catalogue() -> lookup.Catalogue:
    return lookup.load()


def overlay(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "overlay.toml"
    path.write_text(text, encoding="utf-8")
    return path


def faults_of(tmp_path: Path, text: str) -> tuple[str, ...]:
    with pytest.raises(lookup.CatalogueError) as caught:
        lookup.load([overlay(tmp_path, text)])
    return caught.value.errors


# --- what is there ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("cell_lines", CELL_LINES),
        ("effectors", EFFECTORS),
        ("antibodies", ANTIBODIES),
        ("mechanisms", MECHANISMS),
        ("wells", WELLS),
        ("readouts", READOUTS),
    ],
)
def test_every_required_name_is_present(catalogue, kind, names):
    assert set(catalogue.kind(kind)) == names


@pytest.mark.parametrize("kind", FIELDS)
def test_every_entry_has_every_field(catalogue, kind):
    needed = set(FIELDS[kind].split())
    for name, entry in catalogue.kind(kind).items():
        assert needed <= entry.numbers.keys() | entry.strings.keys(), name


@pytest.mark.parametrize("kind", lookup.KINDS)
def test_every_number_is_written_in_full(kind):
    """Read without lookup.py, so that its defaults cannot hide a missing key."""
    text = (resources.files("adccsim.parameters") / f"{kind}.toml").read_text(encoding="utf-8")
    tables = fields.sections_apart({kind: tomllib.loads(text)}, [])
    numbers = [
        (name, key, item)
        for entries in tables.values()
        for name, table in entries.items()
        for key, item in table.items()
        if isinstance(item, dict)
    ]
    assert numbers
    for name, key, item in numbers:
        where = f"{kind}.{name}.{key}"
        operation = {"value", "factor", "set"} & item.keys()
        assert len(operation) == 1, where
        assert {"low", "high", "unit", "source", "provenance"} <= item.keys(), where
        assert item["low"] <= item[operation.pop()] <= item["high"], where
        assert all(math.isfinite(item[edge]) for edge in ("low", "high")), where
        assert item["provenance"] in {"found", "derived", "calibrated", "assumed"}, where
        assert item["unit"] and item["source"], where


def test_one_unit_per_field(catalogue):
    """A field means the same in every entry of its kind; only a read-out's scale is in its own instrument's unit."""
    for kind in ("cell_lines", "effectors", "antibodies", "wells"):
        units: dict[str, set[str]] = {}
        for entry in catalogue.kind(kind).values():
            for key, number in entry.numbers.items():
                units.setdefault(key, set()).add(number.unit)
        assert [key for key, seen in units.items() if len(seen) > 1] == []


def test_load_is_deterministic(catalogue):
    again = lookup.load()
    assert again == catalogue
    assert list(again.cell_lines) == list(catalogue.cell_lines)
    assert json.dumps(lookup.rows(again, "effectors")) == json.dumps(lookup.rows(catalogue, "effectors"))


# --- numbers replaced in memory ---------------------------------------------------------------------------------------


def test_a_shared_number_is_replaced_in_every_entry_that_has_none_of_its_own(catalogue):
    path = "effectors.default.natural_competent_fraction"
    changed = lookup.with_values(catalogue, {path: 0.21, "wells.96-flat.area_mm2": 1.6})
    assert changed.effectors["PBMC"].numbers["natural_competent_fraction"].value == 0.21
    own = catalogue.effectors["NK-IL2"].numbers["natural_competent_fraction"]
    assert changed.effectors["NK-IL2"].numbers["natural_competent_fraction"] == own
    area = changed.wells["96-flat"].numbers["area_mm2"]
    assert (area.value, area.low) == (1.6, 1.6)  # below the known range, which is widened
    assert lookup.number_at(changed, path).value == 0.21
    assert lookup.load() == catalogue  # the catalogue itself is what it was
    assert lookup.with_values(catalogue, {}) == catalogue


def test_an_entry_gets_a_number_of_its_own(catalogue):
    changed = lookup.with_values(catalogue, {"cell_lines.721.221.death_time_h": 1.0})
    assert changed.cell_lines["721.221"].numbers["death_time_h"].value == 1.0
    assert changed.cell_lines["SK-BR-3"] == catalogue.cell_lines["SK-BR-3"]


@pytest.mark.parametrize("path", ["effectors.default.nonsense", "mice.default.x", "effectors.NK.motility", "motility"])
def test_a_path_that_is_none_is_named(catalogue, path):
    with pytest.raises(KeyError, match=path):
        lookup.number_at(catalogue, path)


# --- what the model wants ---------------------------------------------------------------------------------------------


def test_ranges_that_the_model_widened(catalogue):
    effector = catalogue.effectors["NK-resting"].numbers
    line = catalogue.cell_lines["SK-BR-3"].numbers
    for number, low, high in (
        (effector["natural_hit_per_h"], 0.02, 3),
        (effector["antibody_hit_per_h"], 0.8, 10),
        (effector["bridges_half"], 50, 6000),
        (line["death_time_h"], 0.25, 3),
    ):
        assert (number.low, number.high) == (low, high)
        assert number.provenance == "calibrated"


def test_numbers_that_the_fit_left_alone(catalogue):
    effector = catalogue.effectors["NK-resting"].values()
    line = catalogue.cell_lines["SK-BR-3"].values()
    antibody = catalogue.antibodies["trastuzumab"].values()
    wanted_effector = {
        "conjugation_min": 0.15, "cd16a_shedding_per_h": 1, "shedding_detachment": 1, "post_kill_attachment_h": 0.4,
        "granule_reload_h": 36, "cd16a_per_cell": 1e5, "cd16a_cv": 0.5, "contact_fraction": 0.2, "death_per_h": 0.02,
    }  # fmt: skip
    wanted_line = {
        "hits_to_kill": 2, "hits_log_sd": 0.5, "repair_time_h": 0.83, "contact_fraction": 0.03,
        "spontaneous_death_per_h": 0.02, "clearance_time_h": 8,
    }  # fmt: skip
    wanted_antibody = {"kon_per_nM_h": 1.0, "kd_nM": 5, "cross_link_per_receptor": 1e-5, "k2_bridges": 2e4}
    assert {key: effector[key] for key in wanted_effector} == wanted_effector
    assert {key: line[key] for key in wanted_line} == wanted_line
    assert {key: antibody[key] for key in wanted_antibody} == wanted_antibody


def test_the_defaults_are_those_of_the_shipped_fit(catalogue):
    """Every number of the overlay that the calibration wrote stands in the catalogue, rounded to three digits."""
    overlay = tomllib.loads((FIT / "best.toml").read_text(encoding="utf-8"))
    asked = tomllib.loads((FIT.parent / "calibrate.toml").read_text(encoding="utf-8"))["calibrate"]["free"]
    fitted = {f"{k}.{n}.{f}": v["value"] for k, es in overlay.items() for n, fs in es.items() for f, v in fs.items()}
    assert fitted.keys() == asked.keys()
    for path, value in fitted.items():
        number = lookup.number_at(catalogue, path)
        assert number.value == pytest.approx(value, rel=6e-3), path
        assert number.provenance == "calibrated", path


def test_apparent_affinity_on_a_million_receptors(catalogue):
    """Concentration with half of the receptors occupied, solved by bisection of the receptor balance
    R = r + 2 c r + c Kx r^2 * 2 (c = C/K1), and equal to the closed form K1 / (2 + Kx R) at r = R/2.
    """
    antibody = catalogue.antibodies["trastuzumab"].values()
    kd, cross_link, receptors = antibody["kd_nM"], antibody["cross_link_per_receptor"], 1e6

    def free_fraction(concentration: float) -> float:
        c = concentration / kd
        b = 1 + 2 * c
        return 2 / (b + math.sqrt(b * b + 8 * c * cross_link * receptors))

    low, high = 1e-6, 1e3
    for _ in range(200):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if free_fraction(middle) > 0.5 else (low, middle)
    assert low == pytest.approx(kd / (2 + cross_link * receptors), rel=1e-9)
    assert 0.2 <= low <= 10


def test_molar_mass_gives_the_molarity_of_the_model(catalogue):
    assert 1000 / catalogue.antibodies["trastuzumab"].values()["molar_mass_kda"] == pytest.approx(6.87, abs=0.005)


def test_direct_resistant_lines_have_no_direct_effect(catalogue):
    values = {name: entry.values() for name, entry in catalogue.cell_lines.items()}
    for name in ("JIMT-1", "MDA-MB-453", "HCC1954", "KPL-4"):
        assert values[name]["direct_effect_max"] == 0
        assert values[name]["her2_per_cell"] > 1e5  # and yet enough HER2 to be lysed
    assert [name for name in values if values[name]["masked_fraction"] > 0] == ["JIMT-1"]
    assert values["BT-474"]["direct_effect_max"] > values["SK-BR-3"]["direct_effect_max"] > 0


def test_il2_can_only_add_killing(catalogue):
    resting, active = (catalogue.effectors[name].values() for name in ("NK-resting", "NK-IL2"))
    higher = {"natural_competent_fraction", "antibody_hit_per_h", "conjugation_min", "ldh_content"}
    lower = {"granule_reload_h", "death_per_h"}
    assert {key for key in resting if active[key] > resting[key]} == higher
    assert {key for key in resting if active[key] < resting[key]} == lower


def test_effector_preparations(catalogue):
    values = {name: entry.values() for name, entry in catalogue.effectors.items()}
    assert values["CD56-isolated"]["nk_fraction"] == 0.48
    assert values["PBMC"]["nk_fraction"] == 0.086
    for name in ("CD56-isolated", "PBMC"):  # resting cells: only the share of NK and its spread differ
        differing = {key for key in values[name] if values[name][key] != values["NK-resting"][key]}
        assert differing == {"nk_fraction", "donor_purity_log_sd"}
    fractions = [values["NK-resting"][f"genotype_{name}_fraction"] for name in ("ff", "vf", "vv")]
    assert fractions == [0.47, 0.42, 0.11] and sum(fractions) == pytest.approx(1)
    genotypes = {name: entry.strings["genotype"] for name, entry in catalogue.effectors.items()}
    assert {name for name in genotypes if genotypes[name] == "population"} == EFFECTORS - {
        "NK-92-CD16a-V158", "NK-92-CD16a-F158", "NK-92",
    }  # fmt: skip
    assert (genotypes["NK-92-CD16a-V158"], genotypes["NK-92-CD16a-F158"]) == ("VV", "FF")


def test_nk92_rows_are_marked_and_have_no_donors(catalogue):
    shared = catalogue.defaults["effectors"].numbers
    for name in ("NK-92-CD16a-V158", "NK-92-CD16a-F158", "NK-92"):
        entry = catalogue.effectors[name]
        assert entry.strings["is_cell_line"] is True
        assert [key for key in entry.numbers if key.startswith("donor_") and entry.numbers[key].value != 0] == []
        own = [number for key, number in entry.numbers.items() if shared.get(key) is not number]
        assert own and all("assumed, not calibrated" in number.note for number in own)
    assert catalogue.effectors["NK-92"].values()["cd16a_per_cell"] == 0
    assert all(not catalogue.effectors[name].strings["is_cell_line"] for name in ("NK-resting", "NK-IL2", "PBMC"))


@pytest.mark.parametrize(("name", "diameter_um"), [("NK-resting", 8), ("NK-IL2", 8 * 2**0.5), ("NK-92", 12)])
def test_ldh_content_follows_from_volumes(catalogue, name, diameter_um):
    target_pl = 3.82
    sphere_pl = math.pi / 6 * diameter_um**3 / 1000
    assert catalogue.effectors[name].values()["ldh_content"] == pytest.approx(sphere_pl / target_pl, rel=0.02)


def test_antibody_variants(catalogue):
    values = {name: entry.values() for name, entry in catalogue.antibodies.items()}
    strings = {name: entry.strings for name, entry in catalogue.antibodies.items()}
    gains = [values[name]["fc_gain"] for name in (
        "trastuzumab-afucosylated", "trastuzumab", "trastuzumab-hinge-cleaved", "trastuzumab-deglycosylated",
        "trastuzumab-F(ab')2",
    )]  # fmt: skip
    assert gains == sorted(gains, reverse=True) and gains[0] == 10 and gains[-1] == 0
    assert values["trastuzumab+pertuzumab"] == values["trastuzumab"]
    assert strings["trastuzumab+pertuzumab"]["partner"] == "pertuzumab"
    assert strings["pertuzumab"]["epitope"] == "II" and strings["trastuzumab"]["epitope"] == "IV"
    assert strings["isotype-control"]["epitope"] == "none"
    assert values["isotype-control"]["kon_per_nM_h"] == 0 and values["isotype-control"]["direct_effect"] == 0
    assert values["trastuzumab-hinge-cleaved"]["direct_effect"] == 1


@pytest.mark.parametrize(
    ("format_name", "et_ratio"), [("96-flat", 20), ("96-flat", 30), ("96-flat", 40), ("96-U", 10), ("384-flat", 10)]
)
def test_formats_hold_the_designs_they_must(catalogue, format_name, et_ratio):
    well = catalogue.wells[format_name].values()
    cells = well["default_cells"]
    free_sites = well["area_mm2"] * 1e4 - 4 * cells
    layers = math.ceil(et_ratio * cells / (free_sites * well["layer_filling"]))
    assert 1 <= layers <= well["max_layers"]
    assert well["volume_ul"] * 1000 / cells == pytest.approx(20)  # nL per target, as in the calibration


def test_microwell_chip_is_consistent(catalogue):
    well = catalogue.wells["microwell"].values()
    compartments = well["default_cells"] / well["targets_per_microwell"]
    assert well["area_mm2"] == pytest.approx(compartments * (well["microwell_side_um"] / 1000) ** 2)
    sites = (well["microwell_side_um"] / 10) ** 2
    assert 4 * well["targets_per_microwell"] < sites / 4


def test_readouts(catalogue):
    values = {name: entry.values() for name, entry in catalogue.readouts.items()}
    assert {name: values[name]["counts_effectors"] for name in values} == {
        "LDH": 1, "51Cr": 0, "calcein": 0, "live-count": 0, "viability": 0,
    }  # fmt: skip
    line = catalogue.cell_lines["SK-BR-3"].values()
    assert values["51Cr"]["release_delay_h"] + line["death_time_h"] == pytest.approx(1.5, abs=0.1)
    assert values["LDH"]["release_delay_h"] == values["LDH"]["leak_per_h"] == 0
    assert values["calcein"]["leak_per_h"] > 0


# --- mechanisms -------------------------------------------------------------------------------------------------------


def test_mechanisms_touch_fields_of_the_line_and_say_so(catalogue):
    line = catalogue.cell_lines["BT-474"].values()
    for name, mechanism in catalogue.mechanisms.items():
        assert mechanism.numbers.keys() <= line.keys(), name
        assert all(number.operation in {"factor", "set"} for number in mechanism.numbers.values()), name
        changed = lookup.apply_mechanism(mechanism, line)
        different = {key for key in line if changed[key] != line[key]}
        assert different == mechanism.numbers.keys(), name  # no mechanism without effect on a plain line
    assert catalogue.mechanisms["none"].numbers == {}


def test_apply_mechanism_multiplies_or_sets(catalogue):
    line = catalogue.cell_lines["BT-474"].values()
    before = dict(line)
    lapatinib = lookup.apply_mechanism(catalogue.mechanisms["lapatinib"], line)
    assert lapatinib["her2_per_cell"] == 2 * line["her2_per_cell"]
    assert lapatinib["growth_block"] == 0.5
    assert lookup.apply_mechanism(catalogue.mechanisms["MUC4-masking"], line)["masked_fraction"] == 0.5
    assert lookup.apply_mechanism(catalogue.mechanisms["PTEN-loss"], line)["direct_response"] == pytest.approx(0.1)
    assert line == before


def test_growth_mechanisms_leave_binding_alone(catalogue):
    """The direct effect and ADCC are independent: signalling mechanisms may not touch what the antibody finds."""
    binding = {"her2_per_cell", "her2_null_fraction", "masked_fraction", "p95_fraction", "modulation_factor"}
    signalling = ("PTEN-loss", "PIK3CA-mutation", "EGFR-up", "HER3-up", "MET-up", "EphA2-up", "IQGAP1-up")
    for name in (*signalling, "acquired-resistance"):
        assert not catalogue.mechanisms[name].numbers.keys() & binding, name


# --- defaults, listing ------------------------------------------------------------------------------------------------


def test_own_field_wins_over_the_default(catalogue):
    shared = catalogue.defaults["cell_lines"].numbers
    jimt1, bt474 = (catalogue.cell_lines[name].numbers for name in ("JIMT-1", "BT-474"))
    assert (shared["masked_fraction"].value, jimt1["masked_fraction"].value) == (0, 0.5)
    assert bt474["masked_fraction"] is shared["masked_fraction"]
    assert catalogue.effectors["NK-resting"].strings["genotype"] == "population"
    assert catalogue.effectors["NK-92-CD16a-F158"].strings["genotype"] == "FF"


def test_rows_list_each_number_once(catalogue):
    keys = ["name", "field", "value", "low", "high", "unit", "source", "provenance"]
    listed = lookup.rows(catalogue, "cell-lines")
    assert all(list(row) == keys for row in listed)
    assert len({(row["name"], row["field"]) for row in listed}) == len(listed)
    assert {row["name"] for row in listed} == CELL_LINES | {"default"}
    assert [row["value"] for row in listed if row["field"] == "masked_fraction"] == [0, 0.5]
    with pytest.raises(ValueError, match="did you mean cell_lines"):
        lookup.rows(catalogue, "cell-line")


# --- overlays ---------------------------------------------------------------------------------------------------------

GOOD = """
[cell_lines."SK-BR-3".her2_per_cell]
value = 1_500_000
unit = "1/cell"
source = "our flow cytometry, 12 March"
provenance = "found"
"""


def test_overlay_replaces_one_number_and_keeps_its_range(tmp_path, catalogue):
    changed = lookup.load([overlay(tmp_path, GOOD)])
    number = changed.cell_lines["SK-BR-3"].numbers["her2_per_cell"]
    assert (number.value, number.low, number.high) == (1.5e6, 1e6, 2e6)
    assert number.source == "our flow cytometry, 12 March"
    assert changed.cell_lines["BT-474"] == catalogue.cell_lines["BT-474"]
    assert lookup.load() == catalogue  # the shipped tables are untouched


def test_later_overlay_wins_per_field(tmp_path):
    first, second = tmp_path / "first.toml", tmp_path / "second.toml"
    first.write_text(
        GOOD + GOOD.replace("her2_per_cell", "doubling_time_h").replace("1_500_000", "50").replace("1/cell", "h")
    )
    second.write_text(GOOD.replace("1_500_000", "1_200_000"))
    line = lookup.load([first, second]).cell_lines["SK-BR-3"].values()
    assert (line["her2_per_cell"], line["doubling_time_h"]) == (1.2e6, 50)


def test_overlay_of_the_default_reaches_all_that_do_not_differ(tmp_path):
    text = '[cell_lines.default.masked_fraction]\nvalue = 0.1\nunit = "1"\nsource = "ours"\nprovenance = "assumed"\n'
    lines = lookup.load([overlay(tmp_path, text)]).cell_lines
    assert lines["BT-474"].values()["masked_fraction"] == 0.1
    assert lines["JIMT-1"].values()["masked_fraction"] == 0.5


def test_overlay_adds_a_line_and_changes_a_word(tmp_path):
    number = 'unit = "{}", source = "ours", provenance = "found" }}'
    text = (
        '[cell_lines.UACC-812]\ndescription = "ours"\n'
        + 'her2_per_cell = { value = 4e5, low = 1e5, high = 1e6, ' + number.format("1/cell") + "\n"
        + "doubling_time_h = { value = 70, " + number.format("h") + "\n"
        + "direct_effect_max = { value = 0.2, " + number.format("1") + "\n"
        + '[effectors.NK-IL2]\ngenotype = "VF"\n'
        + "[mechanisms.mine]\ndescription = \"ours\"\nhits_to_kill = { factor = 1.5, " + number.format("factor") + "\n"
    )  # fmt: skip
    changed = lookup.load([overlay(tmp_path, text)])
    line = changed.cell_lines["UACC-812"]
    assert line.values()["her2_per_cell"] == 4e5 and line.values()["hits_to_kill"] == 2
    assert line.numbers["doubling_time_h"].low == line.numbers["doubling_time_h"].high == 70
    assert changed.effectors["NK-IL2"].strings["genotype"] == "VF"
    assert lookup.apply_mechanism(changed.mechanisms["mine"], line.values())["hits_to_kill"] == 3


@pytest.mark.parametrize(
    ("text", "path", "word"),
    [
        (GOOD.replace("cell_lines", "cell_line"), "cell_line:", "did you mean cell_lines?"),
        (GOOD.replace("SK-BR-3", "SKBR3"), "cell_lines.SKBR3:", "did you mean SK-BR-3?"),
        (GOOD.replace("her2_per_cell", "her2_cells"), "cell_lines.SK-BR-3.her2_cells:", "did you mean her2_"),
        (GOOD.replace("1_500_000", "9_000_000"), "cell_lines.SK-BR-3.her2_per_cell.value:", "give low and high"),
        (GOOD.replace("1_500_000", "nan"), "cell_lines.SK-BR-3.her2_per_cell.value:", "finite"),
        (GOOD.replace("1_500_000", "true"), "cell_lines.SK-BR-3.her2_per_cell.value:", "finite"),
        (GOOD.replace("1_500_000", '"many"'), "cell_lines.SK-BR-3.her2_per_cell.value:", "finite"),
        (GOOD + "low = 2_000_000\n", "cell_lines.SK-BR-3.her2_per_cell.value:", "not within"),
        (GOOD.replace('"1/cell"', '"nM"'), "cell_lines.SK-BR-3.her2_per_cell.unit:", "1/cell"),
        (GOOD.replace('"found"', '"guessed"'), "cell_lines.SK-BR-3.her2_per_cell.provenance:", "assumed"),
        (GOOD.replace("source", "# source"), "cell_lines.SK-BR-3.her2_per_cell.source:", "missing"),
        (GOOD + 'sorce = "ours"\n', "cell_lines.SK-BR-3.her2_per_cell.sorce:", "did you mean source?"),
        (GOOD.replace("value", "factor"), "cell_lines.SK-BR-3.her2_per_cell:", "value is needed"),
        ("[cell_lines.SK-BR-3]\nher2_per_cell = 3\n", "cell_lines.SK-BR-3.her2_per_cell:", "expected a table"),
        ("[cell_lines]\nSK-BR-3 = 3\n", "cell_lines.SK-BR-3:", "expected a table"),
        ("cell_lines = 3\n", "cell_lines:", "no such table"),
        ('[effectors.NK-92]\ngenotype = "VV/FF"\n', "effectors.NK-92.genotype:", "VV, VF, FF, population"),
        ("[effectors.NK-92]\nis_cell_line = 1\n", "effectors.NK-92.is_cell_line:", "True, False"),
        ("[effectors.NK-92]\ndescription = 1\n", "effectors.NK-92.description:", "text"),
        ('[antibodies."trastuzumab-F(ab\')2"]\npartner = "pertuzumb"\n', "antibodies.\"trastuzumab-F(ab')2\".partner:",
         "did you mean pertuzumab?"),
        ('[cell_lines.new]\ndescription = "ours"\n', "cell_lines.new:",
         "missing direct_effect_max, doubling_time_h, her2_per_cell"),
        ('[wells.new]\ndescription = "ours"\n', "wells.new:", "missing area_mm2, default_cells, shape, volume_ul"),
        ('[wells.chip]\ndescription = "ours"\nshape = "chip"\n', "wells.chip:", "microwell_side_um"),
    ],
)  # fmt: skip
def test_overlay_faults_name_their_key_path(tmp_path, text, path, word):
    errors = faults_of(tmp_path, text)
    assert len(errors) == 1
    assert errors[0].startswith(path) and word in errors[0]


def test_all_faults_are_reported_at_once(tmp_path):
    text = GOOD.replace("her2_per_cell", "her2_percell") + GOOD.replace("1/cell", "nM")
    assert len(faults_of(tmp_path, text)) == 2


def test_overlay_file_that_cannot_be_read(tmp_path):
    with pytest.raises(lookup.CatalogueError, match=r"absent\.toml: no such file"):
        lookup.load([tmp_path / "absent.toml"])
    with pytest.raises(lookup.CatalogueError, match=r"overlay\.toml: not valid TOML"):
        lookup.load([overlay(tmp_path, "[cell_lines")])
