"""`adcc new`: the written overlay is complete, accepted in a well and in mice, and every number of it is a stand-in."""

import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

from adccsim.cli import app
from adccsim.parameters import lookup, template
from adccsim.parameters.fields import CatalogueError, largest_of, sections_apart
from adccsim.scenario.conditions import conditions_of, stand_ins_of
from adccsim.scenario.load import load_scenario
from adccsim.scenario.meanings import meanings
from adccsim.toml_text import toml_key, toml_text

KNOWN = lookup.load()
WELL = """
schema = 1
kind = "well"
catalogue = ["mine.toml"]
[targets]
cell_line = "{line}"
cells = 100
[effectors]
type = "NK-resting"
et_ratio = 1
[antibody]
name = "{antibody}"
dose_ug_per_ml = 1
[assay]
duration_h = 4
readout = "LDH"
"""
MICE = """
schema = 1
kind = "xenograft"
catalogue = ["mine.toml"]
[tumour]
start_volume_mm3 = 100
[[tumour.clone]]
cell_line = "{line}"
[study]
days = 7
[[arm]]
name = "treated"
mice = 1
[[arm.dose]]
drug = "{antibody}"
mg_per_kg = 10
route = "ip"
days = [0]
[[arm]]
name = "vehicle"
mice = 1
"""


def new(*arguments):
    return CliRunner().invoke(app, ["new", *arguments])


def entries(path):
    """Kind -> the fields of the one entry of that kind in a written overlay; it is one entry with a section in_mice."""
    table = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    assert [list(named) for named in table.values()] == [["mine"]]
    return {kind: named["mine"] for kind, named in sections_apart(table, []).items()}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def checked(text, **names):
    """The stand-ins and first condition of a scenario with the overlay, after `adcc check` has accepted it."""
    Path("scenario.toml").write_text(
        text.format(**{"line": "NCI-N87", "antibody": "trastuzumab"} | names), encoding="utf-8"
    )
    found = CliRunner().invoke(app, ["check", "scenario.toml"])
    assert found.exit_code == 0, found.output
    scenario = load_scenario(Path("scenario.toml"))
    conditions = conditions_of(scenario)
    return stand_ins_of(scenario), next(one for one in conditions if one.kind == "xenograft" or one.role == "sample")


@pytest.mark.parametrize("source", KNOWN.cell_lines)
def test_every_line_can_be_the_start_of_a_new_one(source):
    assert new("cell-line", "mine", "--from", source).exit_code == 0
    written = entries("mine.toml")
    line, tumour = KNOWN.cell_lines[source], KNOWN.tumours.get(source, KNOWN.defaults["tumours"])
    assert written["cell_lines"].keys() == line.numbers.keys() | line.strings.keys()
    assert written["tumours"].keys() == tumour.numbers.keys() | {"description"}
    rows, well = checked(WELL, line="mine")
    listed = {row["number"] for row in rows if (row["of"], row["from"]) == ("cell line mine", source)}
    assert listed == line.numbers.keys() and well.targets.her2_per_cell == line.numbers["her2_per_cell"].value
    rows, mouse = checked(MICE, line="mine")
    whose = source if source in KNOWN.tumours else template.OF_ALL
    listed = {row["number"] for row in rows if (row["of"], row["from"]) == ("tumour mine", whose)}
    assert listed == tumour.numbers.keys() and mouse.clones[0].cell_line == "mine"


@pytest.mark.parametrize("source", KNOWN.antibodies)
def test_every_antibody_can_be_the_start_of_a_new_one(source):
    assert new("antibody", "mine", "--from", source).exit_code == 0
    written = entries("mine.toml")
    entry, whose = KNOWN.antibodies[source], source if source in KNOWN.drugs else "trastuzumab"
    drug = KNOWN.drugs[whose]
    assert written["antibodies"].keys() == entry.numbers.keys() | entry.strings.keys()
    assert written["drugs"].keys() == drug.numbers.keys() | drug.strings.keys()
    rows, well = checked(WELL, antibody="mine")
    listed = {row["number"] for row in rows if (row["of"], row["from"]) == ("antibody mine", source)}
    assert listed == entry.numbers.keys() and well.antibody.fc_gain == entry.numbers["fc_gain"].value
    rows, mouse = checked(MICE, antibody="mine")
    listed = {row["number"] for row in rows if (row["of"], row["from"]) == ("drug mine", whose)}
    assert listed == drug.numbers.keys() and mouse.drugs["mine"].antibody == "mine"


@pytest.mark.parametrize("kind", ["cell-line", "antibody"])
def test_every_number_has_its_meaning_unit_bounds_and_range(kind):
    assert new(kind, "mine", "--out", "other.toml").exit_code == 0
    lines = Path("other.toml").read_text(encoding="utf-8").splitlines()
    kinds = {"cell-line": ("cell_lines", "tumours"), "antibody": ("antibodies", "drugs")}[kind]
    written, source = entries("other.toml"), KNOWN.kind(kinds[0])[template.TYPICAL[kinds[0]]]
    for each in kinds:
        numbers = {**source.numbers, **KNOWN.kind(each)[source.name].numbers}
        for key, item in written[each].items():
            if isinstance(item, dict):
                number = numbers[key]
                assert (item["value"], item["low"], item["high"]) == (number.value, number.low, number.high)
                assert (item["unit"], item["provenance"]) == (number.unit, "assumed")
                above = {lines[i - 1] for i, text in enumerate(lines) if text.startswith(f"{key} = ")}
                assert all(f"to {largest_of(key, number.unit):g}" in comment for comment in above)
                assert all(not comment.startswith(f"# {key}") for comment in above), f"{key}: say what it is"


def test_a_number_with_a_source_of_its_own_is_no_stand_in():
    new("antibody", "mine")
    text = Path("mine.toml").read_text(encoding="utf-8")
    Path("mine.toml").write_text(text.replace("as trastuzumab; replace by your own", "SPR, 3 May", 1), encoding="utf-8")
    rows, _ = checked(WELL, antibody="mine")
    assert "kd_nM" not in {row["number"] for row in rows if row["of"] == "antibody mine"}


def test_nothing_is_overwritten():
    Path("mine.toml").write_text("before", encoding="utf-8")
    found = new("antibody", "mine")
    assert (found.exit_code, len(found.stderr.splitlines())) == (2, 1) and "exists already" in found.stderr
    assert Path("mine.toml").read_text(encoding="utf-8") == "before"


@pytest.mark.parametrize("kind", ["cell-line", "antibody"])
@pytest.mark.parametrize(
    "arguments",
    [
        *([name] for name in ("", " ", ".toml", "a\nb", "a\x1b[0m", " a", "x" * 81, "default", "a/b", "\udcff", "\0")),
        *(["trastuzumab"], ["lapatinib"], ["SK-BR-3"], ["mine", "--from", "trastuzumob"], ["mine", "--from", ""]),
        *(["mine", "--out", path] for path in ("", ".", "no/such/folder.toml", "x" * 5000, "a\0b")),
    ],
    ids=repr,
)  # fmt: skip
def test_what_cannot_be_written_is_one_line(kind, arguments):
    if (kind, arguments[0]) in (("cell-line", "trastuzumab"), ("cell-line", "lapatinib"), ("antibody", "SK-BR-3")):
        pytest.skip("a name of the other kind is free")
    found = new(kind, *arguments)
    assert (found.exit_code, len(found.stderr.splitlines())) == (2, 1), found.output
    assert found.stderr.strip().isprintable() and not list(Path().iterdir())


def test_a_name_may_need_quotes():
    for name in ('6"', "a.b", "ü #1", "it's"):
        text = template.cell_line(name, meanings=meanings())
        assert name in tomllib.loads(text)["cell_lines"] and toml_key(name) in toml_text({name: 1})
    with pytest.raises(CatalogueError):
        template.antibody("mine", "none")
