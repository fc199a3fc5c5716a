"""Overlays: a missing number never becomes another entry's unseen, and numbers keep to what their unit allows."""

import pytest

from adccsim.parameters import fields, lookup

NUMBER = "{{ value = {}, unit = {!r}, source = 'ours', provenance = 'found' }}"
RANGED = "{{ value = {}, low = {}, high = {}, unit = {!r}, source = 'ours', provenance = 'found' }}"
ANTIBODY = "[antibodies.mine]\ndescription = 'ours'\n"


def loaded(tmp_path, text):
    path = tmp_path / "overlay.toml"
    path.write_text(text, encoding="utf-8")
    return lookup.load([path])


def faults_of(tmp_path, text):
    with pytest.raises(lookup.CatalogueError) as error:
        loaded(tmp_path, text)
    assert all("\n" not in line and len(line) < 400 for line in error.value.errors)
    return list(error.value.errors)


def test_an_antibody_with_only_a_description_is_no_trastuzumab(tmp_path):
    assert faults_of(tmp_path, ANTIBODY) == [
        'antibodies.mine: kd_nM would be that of trastuzumab; give it, or say like = "trastuzumab": what is not given '
        "is then taken from there, and listed"
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "[mice.mine]\ndescription = 'ours'\n",
            "nk_density_factor, myeloid_density_factor would be that of nude; give",
        ),
        ("[tumours.T47D]\ndescription = 'ours'\n", "growth_per_d would be the shared number; give it"),
        ("[mechanisms.mine]\ndescription = 'ours'\n", "changes no number"),
        (ANTIBODY + "like = 'nivolumab'\n", "antibodies.mine.like: 'nivolumab' is no entry of antibodies"),
        (ANTIBODY + "like = 'mine'\n", "is no entry of antibodies"),
        (ANTIBODY + "like = 5\n", "antibodies.mine.like: 5 is no entry"),
        ("[antibodies.pertuzumab]\nlike = 'trastuzumab'\n", "only a new entry is like another"),
        ("[readouts.calcien]\ndescription = 'x'\n", "did you mean calcein?; a new one needs a formula in the code"),
        ("[residents.human-NK]\nbase = ''\n", "residents.human-NK.base: '' is not among the effectors"),
        ("[residents.human-NK]\nbase = ['x']\n", "expected text"),
        ('[antibodies."a\\nb"]\ndescription = "x"\n', "a name must be text that can be shown"),
    ],
)
def test_what_would_pass_unseen_is_refused(tmp_path, text, words):
    errors = faults_of(tmp_path, text)
    assert len(errors) == 1 and words in errors[0]


def test_an_entry_like_another_has_its_numbers_and_says_so(tmp_path):
    text = ANTIBODY + "like = 'pertuzumab'\nkd_nM = " + NUMBER.format(2.0, "nM")
    known = loaded(tmp_path, text)
    mine, other = known.antibodies["mine"], known.antibodies["pertuzumab"]
    assert mine.values() == other.values() | {"kd_nM": 2.0} and mine.strings["epitope"] == "II"
    # What pertuzumab itself has from trastuzumab is trastuzumab's here as well.
    assert mine.taken_from["direct_effect"] == "pertuzumab" and mine.taken_from["epitope"] == "pertuzumab"
    assert mine.taken_from["molar_mass_kda"] == "trastuzumab"
    assert mine.taken_from.keys() == (mine.numbers.keys() | {"epitope", "partner"}) - {"kd_nM"}


def test_a_new_entry_names_every_number_that_it_does_not_state(tmp_path):
    mine = loaded(tmp_path, ANTIBODY + "kd_nM = " + NUMBER.format(2.0, "nM")).antibodies["mine"]
    assert set(mine.taken_from.values()) == {"trastuzumab"}
    assert mine.taken_from.keys() == (mine.numbers.keys() | {"epitope", "partner"}) - {"kd_nM"}


def test_an_antibody_that_does_not_bind_needs_no_affinity(tmp_path):
    mine = loaded(tmp_path, ANTIBODY + "kon_per_nM_h = " + RANGED.format(0, 0, 0, "1/(nM h)")).antibodies["mine"]
    assert "kd_nM" in mine.taken_from


def test_shipped_entries_name_what_they_have_from_others():
    known = lookup.load()
    assert known.antibodies["trastuzumab"].taken_from == {}
    assert known.antibodies["pertuzumab"].taken_from == dict.fromkeys(
        ("molar_mass_kda", "kon_per_nM_h", "kd_nM", "cross_link_per_receptor", "fc_gain"), "trastuzumab"
    )
    assert known.mice["NSG-human-NK"].taken_from["nk_density_factor"] == "NSG"
    assert known.tumours["NCI-N87"].taken_from == {} and known.tumours["KPL-4"].taken_from == {"growth_per_d": ""}
    assert known.drugs["pertuzumab"].taken_from["clearance_ml_per_d_kg"] == "trastuzumab"


@pytest.mark.parametrize(
    ("field", "unit", "value", "low", "high", "words"),
    [
        ("kd_nM", "nM", 2, -1, 1e308, "kd_nM.low = -1 is outside 0 to 1e+09"),
        ("kd_nM", "nM", 2, 1, 1e308, "kd_nM.high = 1e+308 is outside 0 to 1e+09"),
        ("kd_nM", "nM", 0, 0, 1, "kd_nM.value = 0; must be above 0 nM"),
        ("kon_per_nM_h", "1/(nM h)", -1, -1, 1, "kon_per_nM_h.value = -1 is outside 0"),
        ("one_arm_weight", "1", 1.5, 0, 2, "one_arm_weight.value = 1.5 is outside 0 to 1, the bounds of a fraction"),
        ("kd_nM", "nM", 3, 1, 2, "kd_nM.value: 3 is not within low 1 and high 2"),
        ("kd_nM", "pM", 3, 1, 5, "kd_nM.unit: 'pM'; this field is in 'nM'"),
        ("kd_nM", "nM", "inf", 1, 5, "kd_nM.value: inf; expected a finite number"),
        ("kd_nM", "nM", "true", 1, 5, "kd_nM.value: True; expected a finite number"),
        ("kd_nM", "nM", "1" + "0" * 400, 1, 5, "kd_nM.value: an integer beyond 1e30; expected a finite number"),
    ],
)
def test_a_number_and_its_range_lie_within_the_bounds_of_its_unit(tmp_path, field, unit, value, low, high, words):
    text = f"[antibodies.pertuzumab]\n{field} = {RANGED.format(value, low, high, unit)}\n"
    errors = faults_of(tmp_path, text)
    assert len(errors) == 1 and words in errors[0]


def test_a_new_line_keeps_the_unit_of_its_fields(tmp_path):
    text = "[cell_lines.mine]\ndescription = 'ours'\nher2_per_cell = " + NUMBER.format(1, "million/cell")
    assert any("her2_per_cell.unit: 'million/cell'; this field is in '1/cell'" in f for f in faults_of(tmp_path, text))


def test_every_unit_of_the_catalogue_has_a_bound_above_all_its_ranges():
    known = lookup.load()
    for kind in lookup.KINDS:
        for entry in (known.defaults[kind], *known.kind(kind).values()):
            for name, n in entry.numbers.items():
                assert fields.out_of_bounds(name, n.unit, n.operation, n.value, n.low, n.high) == "", (kind, name)


IN_MICE = "[antibodies.mine.in_mice]\nlike = 'trastuzumab'\n"


def test_one_entry_may_hold_an_antibody_in_the_well_and_in_mice(tmp_path):
    clearance = "clearance_ml_per_d_kg = " + NUMBER.format(8.0, "mL/(d kg)")
    known = loaded(tmp_path, ANTIBODY + "kd_nM = " + NUMBER.format(2.0, "nM") + "\n" + IN_MICE + clearance)
    drug = known.drugs["mine"]
    assert drug.strings | {"routes": ""} == {
        "class": "antibody", "antibody": "mine", "description": "ours", "routes": "",
    }  # fmt: skip
    assert drug.numbers["clearance_ml_per_d_kg"].value == 8.0 and "in_mice" not in known.antibodies["mine"].strings
    assert drug.taken_from == dict.fromkeys(
        (drug.numbers.keys() | {"routes"}) - {"clearance_ml_per_d_kg"}, "trastuzumab"
    )


def test_what_an_antibody_in_mice_lacks_is_named(tmp_path):
    text = ANTIBODY + "like = 'trastuzumab'\n[antibodies.mine.in_mice]\nroutes = 'iv'\n"
    (error,) = faults_of(tmp_path, text)
    assert error.startswith("drugs.mine: missing absorption_ip_per_d, ") and "clearance_ml_per_d_kg" in error


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (ANTIBODY + "like = 'trastuzumab'\n" + IN_MICE + "[drugs.mine]\nlike = 'trastuzumab'\n", "say it once"),
        (ANTIBODY + "like = 'trastuzumab'\nin_mice = 5\n", "antibodies.mine.in_mice: unknown field"),
        ("drugs = 5\n" + ANTIBODY + "like = 'trastuzumab'\n" + IN_MICE, "drugs: no such table"),
        ("[effectors.NK-resting.in_mice]\nx = 1\n", "effectors.NK-resting.in_mice: unknown field"),
    ],
)
def test_a_section_that_cannot_be_meant_is_refused(tmp_path, text, words):
    assert any(words in error for error in faults_of(tmp_path, text))
