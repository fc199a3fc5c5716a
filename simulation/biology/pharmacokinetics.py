"""Pharmacokinetics: antibody in the plasma of a mouse, two compartments and a depot, exact between doses.

Model    Amounts per kg of mouse (ug/kg), a0 in the depot, a1 in plasma, a2 in the periphery:
             da0/dt = -ka a0
             da1/dt = ka a0 - (CL + Q)/V1 a1 + Q/V2 a2 - Vmax c/(Km + c),   c = a1/V1
             da2/dt = Q/V1 a1 - Q/V2 a2
         An injection of D mg/kg puts 1000 F D into the depot (i.p., s.c.) or 1000 D into plasma (i.v.).
         Without the saturable term the system is linear and is advanced by its matrix exponential in closed form; with
         it (mice whose phagocytes take up human IgG at low doses) by the classical fourth-order Runge-Kutta rule.
Units    ug/kg, mL/kg, ug/mL, per day; time steps in days.
Source   Two-compartment disposition as in any textbook; numbers in catalogue/drugs.toml and mice.toml
         (clearance_ml_per_d_kg, extra_clearance_factor ...). Saturable loss in NSG mice: Mol Cancer Ther 2019;18:780.
Limits   one dose i.v.: the two-exponential curve; Q = 0: one compartment; ka -> inf: i.v. times F; Km -> inf at fixed
         Vmax/Km: clearance CL + Vmax/Km; loss over all time = dose
         (tests/biology/test_pharmacokinetics.py)
"""

import math

from numba import njit

RUNGE_KUTTA_PER_DAY = 1440  # a minute: far below the shortest time of the system, V1/(CL + Q) of some hours


@njit(inline="always")
def convolved(a, b, t):
    """Integral over s in 0..t of exp(-b s) exp(-a (t - s)): what is left at t of a decaying inflow (rates per day)."""
    slower, gap = min(a, b), abs(a - b)
    return math.exp(-slower * t) * (-math.expm1(-gap * t) / gap if gap * t > 1e-12 else t)


@njit(cache=True)
def disposition(clearance, central, peripheral, exchange):
    """The two rates (per day) of the linear system, fast one first; mL/(d kg) and mL/kg."""
    out, forth, back = clearance / central, exchange / central, exchange / peripheral
    total = out + forth + back
    root = math.sqrt(max(total * total - 4.0 * out * back, 0.0))
    fast = 0.5 * (total + root)
    return fast, out * back / fast if fast > 0.0 else 0.0


@njit(cache=True)
def advance_linear(depot, plasma, periphery, absorption, clearance, central, peripheral, exchange, days):
    """(depot, plasma, periphery) in ug/kg after `days` without a dose and without saturable loss; exact."""
    fast, slow = disposition(clearance, central, peripheral, exchange)
    forth, back = exchange / central, exchange / peripheral
    leave = clearance / central + forth
    gap = fast - slow
    if gap * days < 1e-12:  # nothing moves
        return depot, plasma, periphery
    e_fast, e_slow = math.exp(-fast * days), math.exp(-slow * days)
    # exp(M t) = (e_slow (M + fast) - e_fast (M + slow)) / gap for the 2x2 matrix M of plasma and periphery
    new_plasma = (e_slow * (fast - leave) - e_fast * (slow - leave)) * plasma + (e_slow - e_fast) * back * periphery
    new_periphery = (e_slow - e_fast) * forth * plasma + (e_slow * (fast - back) - e_fast * (slow - back)) * periphery
    inflow = absorption * depot
    from_slow, from_fast = convolved(slow, absorption, days), convolved(fast, absorption, days)
    new_plasma += inflow * ((fast - leave) * from_slow - (slow - leave) * from_fast)
    new_periphery += inflow * forth * (from_slow - from_fast)
    return depot * math.exp(-absorption * days), new_plasma / gap, new_periphery / gap


@njit(inline="always")
def saturable_loss(concentration, largest, half):
    """Saturable loss (ug/(d kg)) at a plasma concentration in ug/mL; largest in ug/(d kg), half in ug/mL."""
    return largest * concentration / (half + concentration)


@njit(cache=True)
def _slopes(ip, sc, plasma, periphery, ka_ip, ka_sc, clearance, central, peripheral, exchange, largest, half):
    over = exchange / central * plasma - exchange / peripheral * periphery
    out = clearance / central * plasma + saturable_loss(plasma / central, largest, half)
    return -ka_ip * ip, -ka_sc * sc, ka_ip * ip + ka_sc * sc - out - over, over


@njit(cache=True)
def advance_saturable(ip, sc, plasma, periphery, ka_ip, ka_sc, clearance, central, peripheral, exchange, largest, half,
                      days):  # fmt: skip
    """(ip depot, sc depot, plasma, periphery) in ug/kg after `days`, with saturable loss; by minutes."""
    steps = max(math.ceil(days * RUNGE_KUTTA_PER_DAY - 1e-9), 1)
    h = days / steps
    law = (ka_ip, ka_sc, clearance, central, peripheral, exchange, largest, half)
    w, x, y, z = ip, sc, plasma, periphery
    for _ in range(steps):
        a0, a1, a2, a3 = _slopes(w, x, y, z, *law)
        b0, b1, b2, b3 = _slopes(w + 0.5 * h * a0, x + 0.5 * h * a1, y + 0.5 * h * a2, z + 0.5 * h * a3, *law)
        c0, c1, c2, c3 = _slopes(w + 0.5 * h * b0, x + 0.5 * h * b1, y + 0.5 * h * b2, z + 0.5 * h * b3, *law)
        d0, d1, d2, d3 = _slopes(w + h * c0, x + h * c1, y + h * c2, z + h * c3, *law)
        w += h / 6.0 * (a0 + 2.0 * b0 + 2.0 * c0 + d0)
        x += h / 6.0 * (a1 + 2.0 * b1 + 2.0 * c1 + d1)
        y += h / 6.0 * (a2 + 2.0 * b2 + 2.0 * c2 + d2)
        z += h / 6.0 * (a3 + 2.0 * b3 + 2.0 * c3 + d3)
    return w, x, y, z
