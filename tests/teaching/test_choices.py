"""What the page shows as chosen is what is simulated, whatever lesson or setting came before."""

from itertools import pairwise

import pytest

from adccsim.teaching.session import Session
from tests.teaching.walks import NUMBERS, every_pair, expected_words, modelled


@pytest.fixture(scope="module")
def one():
    return Session()


def shown(session) -> dict[str, str]:
    """Name of a control -> the words that the screen shows for it."""
    return {control["name"]: control["words"][control["at"]] for control in session.screen()["controls"]}


def test_the_walk_takes_every_pair_of_lessons():
    assert sorted(pairwise(every_pair())) == [(first, second) for first in NUMBERS for second in NUMBERS]


def test_after_any_two_lessons_every_choice_shown_is_that_of_the_model(one):
    for number in every_pair():
        one.do({"do": "lesson", "number": number})
        assert shown(one) == expected_words(one)
        assert modelled(one.model)["cell_line"] in shown(one)["cell_line"]


@pytest.mark.parametrize("number", NUMBERS)
def test_after_any_try_and_any_setting_too(one, number):
    one.do({"do": "lesson", "number": number})
    for label in [one_try["label"] for one_try in one.screen()["lesson"]["tries"]]:
        one.do({"do": "try", "label": label})
        assert shown(one) == expected_words(one)
    for control in one.screen()["controls"]:
        one.do({"do": "set", "name": control["name"], "at": len(control["words"]) // 2})
        assert shown(one) == expected_words(one)
