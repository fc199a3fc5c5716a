"""The counters of the structure benchmark count small sources as their rules say; no figure is judged here."""

import pytest

from benchmarks.structure import access, kinds, processes, source, structure
from benchmarks.structure.source import Module

SWITCHES = """
def chooses(scenario, condition, folder):
    if scenario.kind == "xenograft" or isinstance(condition, MouseCondition):
        return {"well": 1, "xenograft": 2}[scenario.kind]
    assert isinstance(scenario, Scenario)
    if kind_of(folder) != "well":
        raise ValueError
    match scenario:
        case XenograftScenario():
            return 3
    if MouseStudy.kind == kind_of(folder):
        return {WellStudy.KIND: 1, MouseStudy.KIND: 2}[kind_of(folder)]

def none_of_them(table, value, error):
    return table == "well", value in ("well", "xenograft"), isinstance(error, ScenarioError), {"well": 1}
"""
LOOPS = """
def drive(world):
    while not world.ended:
        if world.due:
            world.advance(1)

def once(world):
    world.advance(1)
    for each in world:
        each.look()
"""
STRINGS = """
def of_conditions(condition, params, engine, other):
    t, e = condition["targets"], other["effectors"]
    for clone in condition["clones"]:
        total = clone["fraction"] + t["cells"] + e["cells"]
    params.drugs.get("direct_effect", 0.0), getattr(params.tumour, "cells"), t[0]
    return engine.targets["target_status"], t["target_site"], engine.observe()["kills"]

def elsewhere(t: "dict[str, int]", kind: Literal["well"]):
    return t["cells"]
"""
LOOSE = """
def f(x: Any, y: "list[Any]") -> dict[str, Any]:  # noqa: E501
    z: int = cast(int, x)  # type: ignore[assignment]
    Any = "no annotation, and # type: ignore in a string"
    return z
"""
BODY = """
def {0}({1}):
    \"\"\"{0}.\"\"\"
    if {1} > 1:
        {2} = {1} + {3}
        {1}.call({2})
    else:
        {2} = 2
    return {2}
"""


def module(text: str, path: str = "simulation/execution/one.py") -> Module:
    return Module.of(path, text)


def test_places_that_tell_wells_from_mice_are_found_with_what_they_are_for():
    found = kinds.switches(module(SWITCHES))
    roles = [(each.role, int(each.place.split(":")[1])) for each in found]
    assert sorted(roles) == [
        ("chooses", 3),
        ("chooses", 3),
        ("chooses", 4),
        ("chooses", 9),
        ("chooses", 11),
        ("lists", 12),
        ("narrows", 5),
        ("refuses", 6),
    ]
    assert kinds.comparisons(module(SWITCHES)) == ["simulation/execution/one.py:3"]


def test_an_engine_that_takes_its_own_condition_chooses_nothing():
    text = "if isinstance(params, WellCondition):\n    params = made(params)\n"
    assert [each.role for each in kinds.switches(module(text, "simulation/well/engine.py"))] == ["own"]
    assert [each.role for each in kinds.switches(module(text))] == ["chooses"]


def test_a_loop_that_advances_something_is_a_driver_loop():
    assert kinds.driver_loops(module(LOOPS)) == ["simulation/execution/one.py:2 drive"]


def test_strings_are_counted_and_those_on_conditions_apart():
    every = [each.key for each in access.accesses(module(STRINGS).tree)]
    assert len(every) == 12 and "well" not in every
    lines = [int(place.split(":")[1]) for place in access.on_conditions(module(STRINGS))]
    # both of condition, the three names bound from sections, and the two sections of params
    assert sorted(lines) == [3, 4, 5, 5, 5, 6, 6]
    assert access.on_conditions(module(STRINGS, "simulation/scenario/load.py")) == []


def test_what_opts_out_of_types_is_counted():
    assert dict(source.loose(module(LOOSE))) == {"any": 3, "cast": 1, "type_ignore": 1, "noqa": 1}


def test_functions_that_differ_in_names_alone_are_pairs():
    same = module(BODY.format("one", "a", "b", 1) + BODY.format("two", "c", "d", 1) + BODY.format("three", "e", "f", 2))
    assert [[place.split()[-1] for place in pair] for pair in source.duplicates([same])] == [["one", "two"]]
    short = module("def a(x):\n    return x\n\ndef b(y):\n    return y\n")
    assert source.duplicates([short]) == []


def test_sizes_are_taken_by_package_and_links_count_once(tmp_path):
    for path in ("simulation/well/kernel.py", "simulation/text.py", "analysis/study.py", "tests/test_text.py"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("def f():\n    return 1\n", encoding="utf-8")
    (tmp_path / "simulation" / "analysis").symlink_to("../analysis")
    (tmp_path / "adccsim").symlink_to("simulation")
    found = source.modules(tmp_path)
    one = {"files": 1, "lines": 2}
    assert source.packages(found) == {"(top level)": one, "analysis": one, "well": one}
    assert source.largest_functions(found)[0][1] == 2
    assert processes.import_name(tmp_path) == "adccsim"


def test_files_for_wells_and_for_mice_are_paired_by_name():
    paths = (
        "simulation/well/engine.py", "simulation/xenograft/engine.py", "simulation/well/__init__.py",
        "simulation/xenograft/__init__.py", "analysis/report.py", "analysis/growth_report.py",
        "simulation/teaching/well_show.py", "simulation/teaching/tumour_show.py", "simulation/xenograft/plasma.py",
    )  # fmt: skip
    assert source.twins([module("", path) for path in paths]) == [
        ("analysis/report.py", "analysis/growth_report.py"),
        ("simulation/teaching/well_show.py", "simulation/teaching/tumour_show.py"),
        ("simulation/well/engine.py", "simulation/xenograft/engine.py"),
    ]


def test_errors_of_mypy_belong_to_packages():
    line = 'adccsim/scenario/well/plan.py:165: error: Item "None" has no attribute "a": b  [union-attr]'
    assert processes.error_of(line) == ("scenario", "union-attr", line)
    assert processes.by_package([("scenario", "misc", ""), ("scenario", "misc", "")]) == {"scenario": {"misc": 2}}


def test_the_code_for_a_notebook_is_counted_by_its_imports():
    assert structure.product_imports("import adccsim as ac\nimport numpy\nfrom analysis.lysis import a, b\n") == 2
    assert structure.product_imports(structure.BEFORE) == 9 and structure.product_imports(structure.AFTER) == 1


@pytest.mark.parametrize(("value", "met"), [(2, True), (3, False)])
def test_a_figure_says_whether_its_target_is_met(value, met):
    rule = structure.Rule("name", "title", "counted so", target=2, planned_before=14)
    written = structure.Count(value, 22, rule).as_dict()
    assert written["met"] is met and written["before"] == 22 and written["how"] == "counted so"
    assert ("missed" in structure.table([structure.Count(value, None, rule)])) is not met
