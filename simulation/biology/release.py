"""Release: what a plate reader sees of dead and living cells.

Model    A dead target gives up its marker with mean delay tau (first order); living labelled cells leak at rate l:
         released(t) = N0 - (N0 - R(t)) exp(-l t),  dR/dt = (D(t) - R) / tau,  D cumulative deaths.
         LDH also comes from dead effectors, each worth a fraction of a target. Raw signal = blank + scale x cell units.
Source   Catalogue tables readouts (release_delay_h, leak_per_h, blank, full_scale) and effectors (ldh_content).
Limits   tau -> 0: R = D; everything dead: released = N0; no leak: released = R (tests/biology/test_release.py)
"""

import numpy as np

CELLS_AT_FULL_SCALE = 1e4  # full_scale is quoted for a well of 1e4 lysed targets


def delayed(times_h, cumulative, delay_h):
    """First-order delay of a cumulative count, exact for a count that is linear between samples.

    times_h, cumulative: shape (T,), hours and counts; returns shape (T,).
    """
    if delay_h <= 0.0:
        return np.array(cumulative, dtype=float)
    out = np.empty(len(times_h))
    out[0] = 0.0
    for i in range(1, len(times_h)):
        dt = times_h[i] - times_h[i - 1]
        slope = (cumulative[i] - cumulative[i - 1]) / dt
        particular_end = cumulative[i] - slope * delay_h
        particular_start = cumulative[i - 1] - slope * delay_h
        out[i] = particular_end + (out[i - 1] - particular_start) * np.exp(-dt / delay_h)
    return out


def released_units(times_h, deaths, labelled, delay_h, leak_per_h):
    """Marker outside labelled cells, in cells: shape (T,)."""
    remaining = labelled - delayed(times_h, deaths, delay_h)
    return labelled - remaining * np.exp(-leak_per_h * np.asarray(times_h))


def raw_signal(cell_units, blank, full_scale):
    """Raw reading (instrument units) of a number of cell units."""
    return blank + full_scale * np.asarray(cell_units, dtype=float) / CELLS_AT_FULL_SCALE
