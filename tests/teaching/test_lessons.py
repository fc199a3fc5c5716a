"""The lessons say what the model does: each claim of a try is played, headless, on twelve wells or six mice with fixed
seeds.
"""

import re

import numpy as np
import pytest

from adccsim.scenario.load import scenario_from_dict
from adccsim.teaching import keys
from adccsim.teaching.lessons import START, lessons
from adccsim.teaching.session import SHOWS
from adccsim.toml_text import toml_text

WELLS, MICE = 12, 6
STANDARD_ERRORS = 3.0
CLASS_TIME_S = 60.0
CASES = [pytest.param(lesson, id=lesson.key) for lesson in lessons()]
PLAYED = [
    pytest.param(lesson, id=lesson.key, marks=[pytest.mark.slow] if lesson.scenario["kind"] == "xenograft" else [])
    for lesson in lessons()
]


def test_there_are_six_lessons_and_their_names_differ():
    assert [lesson.number for lesson in lessons()] == [1, 2, 3, 4, 5, 6]
    assert len({lesson.key for lesson in lessons()}) == 6
    assert len({lesson.title for lesson in lessons()}) == 6


@pytest.mark.parametrize("lesson", CASES)
def test_a_lesson_is_complete_and_short(lesson):
    assert lesson.question.endswith("?")
    assert lesson.sources and all(re.search(r"(19|20)\d\d|PMC\d+|Thurber", source) for source in lesson.sources)
    assert 2 <= len(lesson.tries) <= 3
    words = " ".join((lesson.question, lesson.setting, *lesson.explanation)).split()
    assert 120 <= len(words) <= 300  # one screen
    for one in lesson.tries:
        assert one.claim.observable in SHOWS[lesson.scenario["kind"]].observables
        assert one.claim.moves in ("up", "down")
        assert one.claim.start_from in (START, *(other.label for other in lesson.tries))
        assert one.claim.start_from != one.label


@pytest.mark.parametrize("lesson", CASES)
def test_every_start_and_try_of_a_lesson_is_a_scenario_that_runs(lesson):
    """All pass the checks of `adcc check`, fit into class time at the page's speed, and every changed key differs."""
    start = scenario_from_dict(lesson.scenario_of()).model_dump()
    show = SHOWS[lesson.scenario["kind"]]
    for one in lesson.tries:
        scenario = scenario_from_dict(lesson.scenario_of(one.label))
        ticks = scenario.assay.duration_h * 60 if scenario.kind == "well" else scenario.study.days * 24
        assert ticks / show.default_speed <= CLASS_TIME_S
        for key in one.change:
            assert keys.get(scenario.model_dump(), key) != keys.get(start, key), key


@pytest.mark.parametrize("lesson", PLAYED)
def test_what_a_try_claims_happens(lesson):
    wells = {label: played(lesson.scenario_of(label)) for label in (START, *(one.label for one in lesson.tries))}
    for one in lesson.tries:
        claim = one.claim
        gain = wells[one.label][claim.observable] - wells[claim.start_from][claim.observable]
        gain = gain if claim.moves == "up" else -gain
        error = gain.std(ddof=1) / np.sqrt(len(gain))
        assert gain.mean() > STANDARD_ERRORS * error, f"{one.label}: {gain.mean():.3g} with standard error {error:.2g}"


def played(raw):
    """Observable -> its values at the end of WELLS wells, or MICE mice, that differ in their seed alone."""
    from adccsim.teaching.model import ADCCModel

    if raw["kind"] == "xenograft":
        return played_in_mice(raw)

    rows = []
    for well in range(WELLS):
        model = ADCCModel(base=toml_text(raw), rng=1000 + well)
        model.run_for(model.plate.end_tick)
        kills = model.plate.sample.engine.of_all_effectors("effector_kills")
        rows.append(
            {
                "specific_lysis_pct": model.specific_lysis_pct,
                "receptor_occupancy": model.plate.sample.engine.observe()["receptor_occupancy"],
                "kills_per_nk": kills.mean() if len(kills) else 0.0,
                "serial_killers_pct": 100.0 * (kills >= 2).mean() if len(kills) else 0.0,
            }
        )
    return {name: np.array([row[name] for row in rows]) for name in SHOWS["well"].observables}


def played_in_mice(raw):
    from adccsim.teaching.tumour_model import TumourModel

    rows = []
    for mouse in range(MICE):
        model = TumourModel(base=toml_text(raw), rng=1000 + mouse)
        model.run_for(model.pair.end_tick)
        rows.append(
            {
                "tgi_tc_pct": model.tgi_pct,
                "receptor_occupancy": max(model.observed["occupancy_mean"]),
                "volume": model.volume_mm3,
            }
        )
    return {name: np.array([row[name] for row in rows]) for name in SHOWS["xenograft"].observables}


def test_the_words_of_the_antibody_lesson_on_the_fc_part_hold_cell_by_cell():
    """Without Fc the same cells die as without antibody: no rate of a cell depends on what it has bound."""
    from adccsim.teaching.model import ADCCModel

    lesson = lessons()[0]
    status = []
    for label in (START, "Cut off the Fc part"):
        model = ADCCModel(base=toml_text(lesson.scenario_of(label)), rng=5)
        model.run_for(240)
        status.append(model.plate.sample.engine.targets["target_status"].copy())
    assert (status[0] > 0).sum() > 30
    np.testing.assert_array_equal(*status)


def test_a_try_leaves_its_lesson_as_it_was():
    lesson = lessons()[3]
    before = toml_text(lesson.scenario_of())
    lesson.scenario_of("SK-BR-3, masked")["targets"]["cells"] = 1
    assert toml_text(lesson.scenario_of()) == before
