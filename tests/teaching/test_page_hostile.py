"""A real server under attack, and with visitors who join and leave; without a browser (benchmarks/hostile/page.py)."""

import pytest

from benchmarks.hostile import page
from benchmarks.teaching import joining

pytestmark = pytest.mark.slow


def test_every_attack_is_refused_and_a_visitor_gets_in_during_each(browser_machine):
    results = page.attacks(1.0)
    assert {name: result["problems"] for name, result in results.items()} == {name: [] for name in page.ATTACKS}
    assert all(result["tried"] >= 20 for result in results.values())
    for name in ("foreign_host", "foreign_origin", "codes", "idle_sockets", "paths"):
        assert results[name]["refused"] == results[name]["tried"]
    assert results["messages"]["refused"] >= 20  # the others are of the right kind, and answered or ignored


def test_visitors_join_and_leave_and_nothing_stays(browser_machine, tmp_path):
    """What memory does over half an hour is measured by benchmarks/teaching/joining.py, and not judged here."""
    figures, series = joining.joining(tmp_path / "log.txt", 20.0)
    values = {figure.name: figure.value for figure in figures}
    assert values["joined"] >= 4
    assert (values["kept_out"], values["rooms_after"], values["kernels_after"]) == (0, 0, 0)
    assert values["kernels_most"] <= series[0]["kernels_most"]
    assert all(row["kept"] <= joining.SESSIONS for row in series)
