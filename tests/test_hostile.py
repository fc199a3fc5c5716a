"""The harness of `make hostile` counts what it must count: outcomes are told apart, mutants repeat, faults fit."""

import json
import os
import random
import resource
import time
import tomllib
from functools import partial
from pathlib import Path

import pytest

from benchmarks.hostile import arena, damage, faults, inputs, mutators, promises, respelled, sheets, spellings
from benchmarks.hostile.attacks import _judge
from benchmarks.hostile.counts import Counts


def leave(code, text=""):
    if text:
        print(text)
    raise SystemExit(code)


def ended(case, tmp_path, limit_s=60.0):
    [(_, found)] = arena.run_all([case], tmp_path / "answers", 1, limit_s)
    return found


def unfounded():
    raise KeyError("a key")


@pytest.mark.parametrize(
    ("case", "outcome"),
    [
        (partial(print, "done"), arena.ACCEPTED),
        (partial(leave, 0), arena.ACCEPTED),
        (partial(leave, 2, "error: no such key"), arena.REFUSED),
        (partial(leave, 1, "error: a run failed"), arena.REFUSED),
        (partial(leave, 2), arena.SILENT),
        (unfounded, arena.TRACEBACK),
        (partial(leave, 1, "Traceback (most recent call last):\n  ...\nKeyError"), arena.TRACEBACK),
        (os.abort, arena.CRASH),
        (partial(os._exit, 139), arena.CRASH),
    ],
)
def test_each_outcome_is_told_from_the_others(case, outcome, tmp_path):
    assert ended(case, tmp_path).outcome == outcome


def test_what_waits_for_ever_hangs_and_takes_no_other_case_along(tmp_path):
    cases = [partial(time.sleep, 10_000), partial(leave, 0), partial(time.sleep, 10_000)]
    found = dict(arena.run_all(cases, tmp_path, 2, 3.0))
    assert [found[i].outcome for i in range(3)] == [arena.HANG, arena.ACCEPTED, arena.HANG]


def test_what_computes_for_ever_hangs(tmp_path, monkeypatch):
    def turn():
        while True:
            pass

    monkeypatch.setattr(arena, "CPU_LIMIT_S", 1)
    assert ended(turn, tmp_path).outcome == arena.HANG


def test_too_much_memory_counts_as_a_hang(tmp_path, monkeypatch):
    resident = int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()  # of the tests before, too
    monkeypatch.setattr(arena, "MEMORY_BYTES", resident + (256 << 20))
    assert ended(lambda: len(b"x" * (1 << 30)), tmp_path).outcome == arena.HANG
    assert ended(partial(leave, 0), tmp_path).outcome == arena.ACCEPTED


def test_an_answer_comes_back_with_what_was_printed(tmp_path):
    found = ended(lambda: print("said") or {"sheet": "right"}, tmp_path)
    assert found.value == {"sheet": "right"} and found.text == "said\n"


# -- counting -----------------------------------------------------------------------------------------------------


def judged(answers, text=""):
    counts = Counts()
    _judge(counts, arena.Ended(0, text, answers, 0.1, 0), "a case")
    return counts


def test_a_wrong_number_is_counted_with_an_example():
    counts = judged({"sheet": damage.WRONG, "note": "tc_pct 20 for 37"})
    assert (counts.silent_wrong_numbers, counts.could_show_wrong, counts.forbidden) == (1, 1, 1)
    assert "tc_pct 20 for 37" in counts.examples[0]


@pytest.mark.parametrize("answer", ["right", "named", "refused", "cautioned"])
def test_what_is_allowed_is_not_forbidden(answer):
    counts = judged({"analysis": answer})
    assert counts.forbidden == 0 and counts.could_show_wrong == counts.tried == 1


def test_damage_that_verify_misses_or_a_run_does_not_heal_is_wrong():
    assert judged({"analysis": damage.NAMED, "verify": damage.WRONG}).silent_wrong_numbers == 1
    counts = judged({"analysis": damage.NAMED, "healing": damage.WRONG})
    assert (counts.silent_wrong_numbers, counts.healed, counts.could_heal) == (1, 0, 1)


def test_a_case_without_an_answer_is_counted_as_what_ended_it():
    counts = Counts()
    _judge(counts, arena.Ended(-11, "", None, 0.1, 0), "a case")
    _judge(counts, arena.Ended(None, "", None, 0.1, 0), "a case")
    _judge(counts, arena.Ended(1, "Traceback (most recent call last):\nValueError", None, 0.1, 0), "a case")
    assert (counts.crashes, counts.hangs, counts.tracebacks, counts.tried) == (1, 1, 1, 3)


@pytest.mark.parametrize(
    ("code", "text", "same", "answer"),
    [
        (0, "", True, damage.RIGHT),
        (0, "", False, damage.WRONG),
        (1, "error: runs/ab/abcd.h5: damaged; skipped", False, damage.NAMED),
        (1, "error: something is wrong", False, damage.WRONG),
        (1, "Traceback (most recent call last)", False, damage.BROKEN),
    ],
)
def test_an_analysis_after_damage_is_right_or_names_the_file(code, text, same, answer):
    assert damage.judged(code, text, "runs/ab/abcd.h5", same) == answer


# -- mutants ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mutate", [mutators.toml, mutators.json_bytes])
def test_mutants_of_a_tree_repeat_and_differ(mutate):
    tree = inputs.tree(inputs.WELLS)
    made = [mutate(random.Random(i), tree) for i in range(200)]
    assert made == [mutate(random.Random(i), tree) for i in range(200)]
    assert len(set(made)) > 150 and tree == inputs.tree(inputs.WELLS)


def test_flips_and_cuts_change_what_they_say():
    data = bytes(range(256))
    for i in range(50):
        one, eight = (mutators.flip_bits(random.Random(i), data, n) for n in (1, 8))
        assert [sum((a ^ b).bit_count() for a, b in zip(data, each, strict=True)) for each in (one, eight)] == [1, 8]
        short = mutators.cut(random.Random(i), data)
        assert len(short) < len(data) and data.startswith(short)


def test_toml_that_is_written_is_the_tree():
    for text in (inputs.WELLS, inputs.MICE, inputs.FITTED, inputs.VARIED, inputs.OVERLAY, inputs.SITE):
        assert tomllib.loads(mutators.toml_text(inputs.tree(text))) == inputs.tree(text)


def test_respelled_scenarios_say_the_same_to_a_plain_reader():
    """What tomllib reads of the file, with --set laid over it, is the tree; the product has no part in this."""
    for number in range(60):
        tree = inputs.tree(inputs.WELLS)
        text, sets = respelled.respelled(random.Random(number), tree)
        found = tomllib.loads(text)
        sweep = flattened(found.pop("sweep", {}))
        for each in sets:
            key, _, value = each.partition("=")
            value = tomllib.loads(f"x = {value}")["x"]
            if key.startswith("sweep."):
                sweep[key.removeprefix("sweep.")] = value
            else:
                table, _, name = key.rpartition(".")
                found.setdefault(table, {})[name] = value
        assert found | {"sweep": sweep} == tree, text


def flattened(tree, before=""):
    found = {}
    for key, value in tree.items():
        found |= flattened(value, f"{before}{key}.") if isinstance(value, dict) else {before + key: value}
    return found


def test_right_values_of_the_sheets_are_those_of_the_reference_cases():
    """The generators at their noiseless setting give the published right values of tests/cases/lab_files."""
    volumes: dict[str, dict[str, list[float]]] = {}
    for line in (inputs_of("reference_study.csv")).splitlines()[1:]:
        arm, mouse, _, volume = line.split(",")
        volumes.setdefault(arm, {}).setdefault(mouse, []).append(float(volume))
    right = sheets.caliper_right({arm: list(mice.values()) for arm, mice in volumes.items()})
    assert right["tc_pct"] == pytest.approx(37.02, abs=0.005)
    assert right["growth_rate_inhibition"] == pytest.approx(49.98, abs=0.005)
    _, _, plate = sheets.plate_sheet(random.Random(0))
    assert plate["mean at 0"] == pytest.approx(8.0, abs=1e-9) and plate["mean at 0.1"] == pytest.approx(
        42.667, abs=0.01
    )


def inputs_of(name):
    return (faults.ROOT / "tests" / "cases" / "lab_files" / name).read_text(encoding="utf-8")


def test_sheets_repeat_and_every_spelling_comes_up():
    made = list(sheets.cases(1000, 5))
    assert [each.files for each in made] == [each.files for each in sheets.cases(1000, 5)]
    used = {name for each in made for name in each.spellings}
    assert used == {*spellings.CALIPERS, *spellings.ANY, *spellings.LYSIS, *spellings.PLATES}


def test_a_value_that_is_off_missing_or_too_much_differs():
    right = {"ec50": 50.0, "emax": 60.0}
    assert sheets.differing({"ec50": 50.01, "emax": 60.0}, right) == ""
    assert "ec50" in sheets.differing({"ec50": 51.0, "emax": 60.0}, right)
    assert "missing" in sheets.differing({"ec50": 50.0}, right)
    assert "not expected" in sheets.differing({**right, "second": 1.0}, right)
    assert "ec50" in sheets.differing({"ec50": float("nan"), "emax": 60.0}, right)


def test_ten_faults_of_the_checks_can_be_seeded():
    known = faults.faults()
    assert len(known) >= 10 and len({each.name for each in known}) == len(known)
    for each in known:
        assert each.source() != (faults.ROOT / each.file).read_text(encoding="utf-8")


# -- what is stored, and what the documentation says of it --------------------------------------------------------


@pytest.mark.skipif(not promises.RESULT.exists(), reason="make hostile has not been run whole yet")
def test_the_stored_results_are_those_of_the_whole_harness_and_hold_nothing_forbidden():
    found = json.loads(promises.RESULT.read_text(encoding="utf-8"))
    classes = found["classes"]
    tried = {
        group: sum(counts["tried"] for counts in classes.values() if counts["group"] == group)
        for group in ("inputs", "damage", "sheets", "scenarios", "kills", "page")
    }
    assert tried["inputs"] >= 2000 and tried["damage"] >= 1000 and min(tried.values()) >= 10
    assert {name: counts["examples"] for name, counts in classes.items() if counts["forbidden"]} == {}
    assert all(counts["could_show_wrong"] for name, counts in classes.items() if name.startswith(("damage", "resp")))
    assert len(found["seeded_faults"]) >= 12
    assert [each["fault"] for each in found["seeded_faults"] if not each["counted"]] == []
    text = promises.PAGE.read_text(encoding="utf-8")
    for number in (*tried.values(), found["total"]["could_show_wrong"]):
        assert f"{number:,}" in text, number
