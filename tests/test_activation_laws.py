"""The candidate laws of the benchmark: limits, what they do at few bridges, and the verdict of its table."""

import numpy as np
import pytest

from adccsim.biology.synapse import activation
from benchmarks.in_vitro_lysis.laws import candidates, report
from benchmarks.in_vitro_lysis.laws.candidates import ACTIVATION, LAWS, own_parameter, packed

X = np.array([1e-3, 0.5, 5.0, 18.7, 150.0, 334.0, 5000.0, 1e9])


@pytest.mark.parametrize("law", LAWS)
def test_without_its_own_parameter_every_law_is_the_plain_one(law):
    for x in X:
        assert ACTIVATION[law](x, 334.0, packed(0.77, 0.0)) == pytest.approx(activation(x, 334.0, 0.77), rel=1e-12)


@pytest.mark.parametrize("law", LAWS[1:4])
def test_a_law_of_bridges_is_lower_at_few_and_rises_to_full_activation(law):
    number = packed(0.77, 0.2)
    s = np.array([ACTIVATION[law](x, 334.0, number) for x in X])
    assert (np.diff(s) >= 0).all()
    assert s[0] < 0.2 * activation(X[0], 334.0, 0.77)
    assert s[-1] == pytest.approx(1.0, abs=1e-4)
    assert ACTIVATION[law](0.0, 334.0, number) == 0.0


def test_own_parameters_by_hand():
    x, half, m = 150.0, 334.0, 0.9
    assert ACTIVATION["threshold"](x, half, packed(m, 0.3)) == pytest.approx(activation(x - 30.0, half, m))
    assert ACTIVATION["threshold"](29.0, half, packed(m, 0.3)) == 0.0
    assert ACTIVATION["proofreading"](x, half, packed(m, 0.5)) == pytest.approx(activation(x, half, m) ** 3)
    assert ACTIVATION["clustering"](x, half, packed(m, 0.4)) == pytest.approx(activation(x * x / (x + 200), half, m))
    assert own_parameter("threshold", 0.3) == pytest.approx(30.0)
    assert own_parameter("proofreading", 0.5) == pytest.approx(3.0)
    assert own_parameter("clustering", 0.4) == pytest.approx(200.0)
    assert own_parameter("two-armed", 0.7) == pytest.approx(0.3)
    with pytest.raises(ValueError, match="not in"):
        packed(0.77, 1.0)


def row(rmse, few, law="x"):
    return {"law": law, "lever": "", "w3_rmse_pct": rmse, "MDA-MB-468": few}


def test_a_law_replaces_the_plain_one_only_if_both_conditions_hold():
    base = row([1.0, 1.1, 0.9, 1.0], [12.0] * 4)  # two standard deviations are 0.163
    as_good = [1.15, 1.25, 1.05, 1.15]
    assert report.adopted(row(as_good, [4.9] * 4), base)
    assert not report.adopted(row(as_good, [5.1] * 4), base)
    assert not report.adopted(row([1.2, 1.3, 1.1, 1.2], [1.0] * 4), base)


def test_the_kernels_are_not_replaced_once_they_are_there():
    import adccsim.well.kernel  # noqa: F401

    with pytest.raises(RuntimeError, match="compiled already"):
        candidates.install("threshold")
