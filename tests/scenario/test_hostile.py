"""Whatever is wrong in a scenario or an overlay is refused in words or accepted; nothing else happens."""

import random

import pytest

from adccsim.parameters import fields, lookup
from adccsim.scenario.errors import ScenarioError
from adccsim.scenario.load import load_scenario, scenario_from_dict
from adccsim.scenario.shipped import shipped
from adccsim.toml_text import toml_text
from tests.scenario import example
from tests.scenario.hostile import HOSTILE, mutated, outcome, scenarios, spliced

SCENARIOS = scenarios()


def plain(text):
    """Every line of a refusal is short and shows nothing that a terminal acts on."""
    return all(line.isprintable() and 0 < len(line) < 2000 for line in text.split("\n"))


@pytest.mark.parametrize("block", range(8))
def test_mutated_scenarios_are_refused_in_words_or_accepted(block):
    accepted = 0
    for seed in range(30 * block, 30 * block + 30):
        draw = random.Random(seed)
        name = draw.choice(sorted(SCENARIOS))
        raw, done = mutated(SCENARIOS[name], draw)
        answer = outcome(raw=raw)
        assert plain(answer), (seed, name, done, answer[:500])
        accepted += answer == "accepted"
    assert accepted < 30  # most mutations are seen


def test_every_shipped_scenario_is_accepted_unmutated():
    assert {name: outcome(raw=raw) for name, raw in SCENARIOS.items()} == dict.fromkeys(SCENARIOS, "accepted")


def test_spliced_files_are_refused_in_words_or_accepted(tmp_path):
    path = tmp_path / "spliced.toml"
    for seed in range(60):
        draw = random.Random(seed)
        name = draw.choice(("adcc_protocol", "nci_n87_trastuzumab", "serum_igg_competition"))
        path.write_bytes(spliced(shipped()[name].read_bytes(), draw))
        assert plain(outcome(path=path)), (seed, name)


def test_hostile_values_in_overlays(tmp_path):
    path, refused = tmp_path / "overlay.toml", 0
    for seed in range(150):
        draw = random.Random(seed)
        kind = draw.choice(lookup.KINDS)
        name = draw.choice(sorted(fields.shipped()[kind]))
        entry = (
            {"description": "x", **fields.shipped()[kind][name]}
            if name != lookup.DEFAULT
            else fields.shipped()[kind][name]
        )
        key = draw.choice(sorted(entry))
        value = draw.choice([item for item in HOSTILE if item != "\ud800"])
        if isinstance(entry[key], dict) and draw.random() < 0.7:
            entry = {
                key: entry[key] | {draw.choice(("value", "low", "high", "unit", "source", "provenance", "x")): value}
            }
        else:
            entry = {key: value}
        try:
            text = toml_text({kind: {name: entry}})
        except (TypeError, ValueError):
            continue
        path.write_text(text, encoding="utf-8")
        try:
            lookup.load([path])
        except lookup.CatalogueError as error:
            assert plain(str(error)), (seed, kind, name, key)
            refused += 1
    assert refused > 90


@pytest.mark.parametrize("value", [*range(len(HOSTILE))])
def test_hostile_values_by_set(value):
    item = HOSTILE[value]
    for key in (
        "targets.cells",
        "antibody.dose_ug_per_ml",
        "title",
        "seed",
        "sweep",
        "sweep.antibody.kd_nM",
        "catalogue",
    ):
        text = f"{key}={item}" if not (isinstance(item, int) and abs(item) > 10**300) else f"{key}={'9' * 5000}"
        try:
            scenario_from_dict(example(), sets=[text])
        except ScenarioError as error:
            assert plain(str(error)), text


def test_a_million_million_combinations_are_counted_not_built():
    raw = example()
    raw["sweep"] = {
        f"antibody.{key}": [low * (1 + i / 1000) for i in range(1000)]
        for key, low in (("dose_ug_per_ml", 1.0), ("kd_nM", 1.0), ("molar_mass_kda", 100.0), ("fc_gain", 1.0))
    }
    with pytest.raises(ScenarioError, match=r"2,000,000,000,000 wells .*; at most 100,000"):
        scenario_from_dict(raw)


def test_a_name_that_no_file_system_takes(tmp_path):
    for name in ("x" * 5000, "\0", "a\nb", "\ud800"):
        with pytest.raises(ScenarioError) as error:
            load_scenario(tmp_path / name)
        assert plain(str(error.value))
