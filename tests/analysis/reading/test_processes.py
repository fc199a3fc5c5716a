"""Work spread over processes: the same results in the same order as in this one."""

import os

import pytest

from adccsim.analysis.reading.processes import AHEAD, in_order


def double(number):
    return 2 * number


def where(number):
    return os.getpid()


def fail_at_seven(number):
    if number == 7:
        raise ValueError("seven")
    return number


def die_elsewhere(pair):
    here, number = pair
    if os.getpid() != here and number == 5:
        os._exit(1)
    return number


@pytest.mark.parametrize("processes", [1, 2])
def test_results_come_in_order(processes):
    assert list(in_order(double, iter(range(40)), processes)) == list(range(0, 80, 2))
    assert list(in_order(double, [], processes)) == []


def test_one_process_is_this_one_and_two_are_others():
    assert set(in_order(where, range(5))) == {os.getpid()}
    assert os.getpid() not in set(in_order(where, range(5), 2))


def test_few_pieces_are_taken_ahead():
    taken = []
    results = in_order(double, (taken.append(n) or n for n in range(100)), 2)
    next(results)
    assert len(taken) <= 2 * AHEAD
    results.close()


@pytest.mark.parametrize("processes", [1, 2])
def test_an_error_is_that_of_the_function(processes):
    with pytest.raises(ValueError, match="seven"):
        list(in_order(fail_at_seven, range(20), processes))


def test_what_a_lost_process_leaves_is_done_here():
    pieces = [(os.getpid(), number) for number in range(12)]
    assert list(in_order(die_elsewhere, pieces, 2)) == list(range(12))
