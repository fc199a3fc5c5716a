"""Which spellings are one name: respelled names meet again, and names that are two stay two."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adccsim.analysis.sheets.names import find_name, name_key, odd_name_notes, shown_names, spelling_notes

# Names that a laboratory keeps apart; whatever their spelling, no two of them may meet.
APART = [
    "vehicle", "drug 10 mg/kg", "drug 1 mg/kg", "drug 0.1 mg/kg", "drug 0.5 mg/kg", "drug 5 mg/kg", "drug 100 mg/kg",
    "trastuzumab", "trastuzumab Fc-null", "1", "11", "1 1", "1.1", "1.10", "1.5", "1.05", "10", "100", "0", "v1", "v10",
    "m1", "m-1", "D1", "D2", "D1b", "NK-92", "NCI-N87", "IgG1", "IgG4", "A+B", "A B", "Zoë", "Zoe", "β", "ß", "1.0.2",
    "10⁶ cells", "106 cells", "10⁵ cells",
]  # fmt: skip
CHANGES = {
    "upper": str.upper,
    "lower": str.lower,
    "outer": lambda name: f"  {name}\u00a0",
    "double": lambda name: name.replace(" ", "  "),
    "hard": lambda name: name.replace(" ", "\u00a0"),
    "thin": lambda name: name.replace(" ", "\u202f"),
    "unit": lambda name: name.replace(" mg", "mg"),
    "decomposed": lambda name: unicodedata.normalize("NFD", name),
    "hyphen": lambda name: name.replace("-", "\u2011"),
    "mark": lambda name: "\ufeff" + name,
    "float": lambda name: f"{name}.0" if name.isdigit() else name,
    "padded": lambda name: f"00{name}" if name.isdigit() else name,
}


@given(st.sampled_from(APART), st.lists(st.sampled_from(sorted(CHANGES)), max_size=4))
def test_a_respelled_name_is_the_same_name_and_no_other(name, changes):
    spelt = name
    for change in changes:
        spelt = CHANGES[change](spelt)
    assert [other for other in APART if name_key(other) == name_key(spelt)] == [name]
    assert find_name(spelt, APART) == name


@given(st.text(max_size=30))
def test_the_key_of_any_text_is_stable_under_case_and_unicode_form(text):
    assert name_key(unicodedata.normalize("NFD", text)) == name_key(unicodedata.normalize("NFC", text))
    assert name_key(f" {text} ") == name_key(text)


@pytest.mark.parametrize("other", ["01", "1.0", "1.00", "1,0", " 1 "])
def test_a_number_is_one_name_however_a_spreadsheet_writes_it(other):
    assert name_key(other) == name_key("1")


def test_the_first_spelling_is_shown_and_said():
    shown = shown_names(["v3", "V3", "v1", " v3"])
    assert shown == {"v3": "v3", "V3": "v3", "v1": "v1", " v3": "v3"}
    assert spelling_notes("mouse", shown, "arm a") == [
        "spellings of one mouse of arm a taken together: 'v3' = 'V3' = ' v3'; the first is shown"
    ]
    assert spelling_notes("mouse", shown_names(["v1", "v2"])) == []


def test_names_that_programs_write_for_missing_values_are_pointed_out():
    assert "'inf', 'NaN'" in odd_name_notes("mouse", ["v1", "inf", "NaN", "Nancy", "infliximab"])[0]
    assert odd_name_notes("mouse", ["Nancy", "infliximab"]) == []
