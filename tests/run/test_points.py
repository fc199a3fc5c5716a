"""Points: what was measured is kept, whatever happens; results do not depend on how they were made."""

import json
import os
import signal

from adccsim.execution.folder import write_json
from adccsim.execution.points import _read, measure_points, point_of, read_rounds
from adccsim.seal import sealed_entries
from tests.sealing import flipped

POINTS = {f"p{i}": {"x": float(i)} for i in range(6)}


def square(values):
    return {"y": values["x"] ** 2}


def square_but_three(values):
    if values["x"] == 3:
        raise ValueError("three is not\nallowed")
    return square(values)


def interrupted_at_three(values):
    if values["x"] == 3:
        os.kill(os.getpid(), signal.SIGINT)
    return square(values)


def never(values):
    raise AssertionError("measured before")


def test_every_point_is_measured_and_none_twice(tmp_path):
    store = tmp_path / "points.jsonl"
    steps = []
    first = measure_points(POINTS, square, store, workers=1, progress=steps.append)
    assert first.found == {name: {"y": values["x"] ** 2} for name, values in POINTS.items()}
    assert [step.finished for step in steps] == list(range(7))
    again = measure_points(POINTS, never, store, workers=1)
    assert again.found == first.found
    assert (again.known_before, again.failed) == (6, {})


def test_two_processes_measure_the_same(tmp_path):
    alone = measure_points(POINTS, square, tmp_path / "a", workers=1)
    side_by_side = measure_points(POINTS, square, tmp_path / "b", workers=2)
    assert side_by_side.found == alone.found


def test_a_line_that_was_cut_off_is_measured_again(tmp_path):
    store = tmp_path / "points.jsonl"
    store.write_text(json.dumps({"id": "p1", "values": {"y": -1.0}}) + "\n" + '{"id": "p2", "val')
    found = measure_points(POINTS, square, store, workers=1).found
    assert found["p1"] == {"y": -1.0}  # what stands there whole is believed
    assert found["p2"] == {"y": 4.0}
    assert measure_points(POINTS, never, store, workers=1).found == found


def test_a_point_that_fails_does_not_stop_the_others(tmp_path):
    for workers in (1, 2):
        store = tmp_path / f"{workers}.jsonl"
        measured = measure_points(POINTS, square_but_three, store, workers=workers)
        assert measured.failed == {"p3": "ValueError: three is not"}
        assert len(measured.found) == 5
        assert len(measure_points(POINTS, square, store, workers=1).found) == 6


def test_an_interrupted_study_keeps_what_it_has(tmp_path):
    store = tmp_path / "points.jsonl"
    stopped = measure_points(POINTS, interrupted_at_three, store, workers=1)
    assert stopped.signal == signal.SIGINT
    assert set(stopped.found) == {"p0", "p1", "p2"}
    assert len(measure_points(POINTS, square, store, workers=1).found) == 6


def test_damaged_lines_and_rounds_are_made_again(tmp_path):
    store, rounds = tmp_path / "points.jsonl", tmp_path / "rounds.json"
    line = json.dumps(sealed_entries({"id": "a", "values": {"x": 0.5}})).encode()
    assert point_of(line) == ("a", {"x": 0.5})
    assert point_of(b'{"id": "a", "values": {"x": 0.5}}') == ("a", {"x": 0.5})  # of 0.1.0
    assert [bit for bit in range(8 * len(line)) if point_of(flipped(line, bit)) not in (None, ("a", {"x": 0.5}))] == []
    store.write_bytes(line + b"\n" + line.replace(b"0.5", b"0.7") + b"\n" + line[:20])
    assert _read(store) == {"a": {"x": 0.5}} and store.read_bytes().endswith(b"\n")
    write_json(rounds, {"ab one": [0.5, 0.25]})
    assert read_rounds(rounds) == {"ab one": [0.5, 0.25]}
    content = rounds.read_bytes()
    for bit in range(8 * len(content)):
        rounds.write_bytes(flipped(content, bit))
        assert read_rounds(rounds) in ({}, {"ab one": [0.5, 0.25]})
    rounds.write_text('{"ab one": [0.5]}')
    assert read_rounds(rounds) == {"ab one": [0.5]} and read_rounds(tmp_path / "none.json") == {}


def test_a_line_nested_without_end_is_measured_again(tmp_path):
    assert point_of(b"[" * 200_000) is None
    rounds = tmp_path / "rounds.json"
    rounds.write_bytes(b"[" * 200_000)
    assert read_rounds(rounds) == {}
