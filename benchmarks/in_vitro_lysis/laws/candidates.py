"""Candidate laws of NK activation, which replace the shipped law before the kernels are compiled.

All have the same three parameters (half, slope m, hits per hour at full activation) and a specific one, u in [0, 1).
With x bridges in a contact and y(x) = x^m / (x^m + half^m):

  plain         S = y(x), every bound antibody counts
  threshold     S = y(x - X0): the first X0 bridges only balance the initial inhibition of the contact.
                X0 = 100 u.  Limit u = 0: plain.
  proofreading  S = y(x)^N: N steps in series, each done with probability y before the complex falls back.
                N = 1 + 4 u.  Limit u = 0: plain.
  clustering    S = y(x^2 / (x + Xc)): a bridge signals if another one is close; below Xc the number of bridges with a
                partner grows with the square.  Xc = 500 u.  Limit u = 0: plain.
  two-armed     S = y(x) with nF = phi_T (A2 + w A1): antibodies bound by both arms (A2) stay, those bound by one (A1)
                dissociate at koff per arm, and bridges on them seldom outlive the steps between engagement and signal:
                proofreading by the dwell time of the antibody on the target, w = (1 + koff tau / N)^-N.
                w = 1 - u, the catalogue's one_arm_weight.  Limit u = 0: plain.  This one is shipped, with w = 0.15.

The first three are functions of x alone; the fourth also depends on how the antibody is bound.
"""

import numba

PLAIN, THRESHOLD, PROOFREADING, CLUSTERING, TWO_ARMED = LAWS = (
    "plain",
    "threshold",
    "proofreading",
    "clustering",
    "two-armed",
)
LARGEST = {THRESHOLD: 100.0, PROOFREADING: 4.0, CLUSTERING: 500.0, TWO_ARMED: 1.0}
# The kernel passes a law one number in addition to half and x. Here it encodes two: the slope in thousandths as the
# integer part, u as the fractional part.
_THOUSANDTHS = 1000.0


def packed(slope: float, u: float) -> float:
    """Slope and u (0 to below 1) encoded in the one number that the kernel passes on."""
    if not 0.0 <= u < 1.0:
        raise ValueError(f"u: {u} is not in [0, 1)")
    return round(slope * _THOUSANDTHS) + u


def own_parameter(law: str, u: float) -> float:
    """The specific parameter of the law in its unit (bridges, steps, bridges, weight of one arm); nan for plain."""
    if law == PLAIN:
        return float("nan")
    return {PROOFREADING: 1.0 + 4.0 * u, TWO_ARMED: 1.0 - u}.get(law, LARGEST[law] * u)


@numba.njit(inline="always")
def _slope(number):
    return (number - number % 1.0) / _THOUSANDTHS


@numba.njit(inline="always")
def _hill(x, half, slope):
    return 1.0 / (1.0 + (half / x) ** slope) if x > 0.0 else 0.0


@numba.njit(inline="always")
def _plain(x, half, number):
    return _hill(x, half, _slope(number))


@numba.njit(inline="always")
def _threshold(x, half, number):
    return _hill(x - 100.0 * (number % 1.0), half, _slope(number))


@numba.njit(inline="always")
def _proofreading(x, half, number):
    return _hill(x, half, _slope(number)) ** (1.0 + 4.0 * (number % 1.0))


@numba.njit(inline="always")
def _clustering(x, half, number):
    return _hill(x * x / (x + 500.0 * (number % 1.0)) if x > 0.0 else 0.0, half, _slope(number))


ACTIVATION = {
    PLAIN: _plain,
    THRESHOLD: _threshold,
    PROOFREADING: _proofreading,
    CLUSTERING: _clustering,
    TWO_ARMED: _plain,
}


def install(law: str) -> None:
    """Make this process use a law; call it before adccsim.well is imported, with a separate compile cache."""
    import sys

    if "adccsim.well.kernel" in sys.modules:
        raise RuntimeError("the kernels are compiled already")
    from adccsim.biology import synapse

    synapse.activation = ACTIVATION[law]


def one_arm_weight(law: str, u: float) -> float:
    """Weight of antibodies bound by one arm: 1 in every law except the two-armed one."""
    return own_parameter(law, u) if law == TWO_ARMED else 1.0
