"""Bivalent antibody binding to every target of the oracle's well, and the bridges in one contact.

Model    dB/dt = 2 kon C r - koff A1 - k_net B with fast exchange between one and two arms; C from the mass balance.
         r solves Kx/2 r^2 + (1 + B Kx - Ra Kx/2) r - (Ra - B) = 0 and A1 = (Ra - r)/(1 + Kx r).
         nF = phi_T (A2 + w A1), X = nF n16/(K2 + nF + n16), S = X^m/(X^m + X50^m); free antibody and serum
         IgG raise K2.
Method   Fourth-order Runge-Kutta per cell, the free antibody from the mass balance at every stage, in as many
         sub-steps as keep the fastest rate times the sub-step below one half.
Source   Sections 2 and 3 of the model description.
Limits   Closed-form equilibrium of section 2; free + bound + internalised + cleared = added (test_next_event.py).
"""

import math

import numpy as np

from .compiled import compiled
from .state import LEVELS


@compiled
def binding_slopes(bound, sites, k_net, free_nM, kon, koff, cross_link, slope):
    """dB/dt of every cell into `slope` (molecules per h); returns the total rate of internalisation."""
    internalised = 0.0
    for i in range(bound.size):
        left = max(sites[i] - bound[i], 0.0)
        b = 1.0 + cross_link * (bound[i] - 0.5 * sites[i])
        empty = 2.0 * left / (b + math.sqrt(b * b + 2.0 * cross_link * left))
        one_armed = (sites[i] - empty) / (1.0 + cross_link * empty)
        taken_in = k_net[i] * bound[i]
        slope[i] = 2.0 * kon * free_nM * empty - koff * one_armed - taken_in
        internalised += taken_in
    return internalised


@compiled
def advance_antibody(w, hours):
    """Bind for a while; cleared cells have neither sites nor antibody and so take no part."""
    n, p = w.sites.size, w.p
    slope, trial, change = np.empty(n), np.empty(n), np.empty(n)
    for a in range(2):
        pool, bound = w.pools[a], w.bound[a]
        if pool.total == 0.0:
            continue
        receptors_nM = w.sites.sum() / p.molecules_per_nM
        fastest = 2.0 * pool.kon * (2.0 * pool.free_nM + receptors_nM) + 4.0 * pool.koff + p.k_net
        parts = max(1, math.ceil(hours * fastest / 0.5))
        h = hours / parts
        for _ in range(parts):
            change[:] = 0.0
            trial[:] = bound
            taken, taken_change = 0.0, 0.0
            for stage in range(4):
                rest = pool.total - pool.internalised - pool.cleared - taken - trial.sum()
                free = max(rest, 0.0) / p.molecules_per_nM
                rate = binding_slopes(trial, w.sites, w.k_net, free, pool.kon, pool.koff, pool.cross_link, slope)
                weight = h / 6.0 if stage in (0, 3) else h / 3.0
                ahead = 0.5 * h if stage < 2 else h
                for i in range(n):
                    change[i] += weight * slope[i]
                    trial[i] = bound[i] + ahead * slope[i]
                taken_change += weight * rate
                taken = ahead * rate
            bound += change
            pool.internalised += taken_change
        rest = pool.total - pool.internalised - pool.cleared - bound.sum()
        pool.free_nM = max(rest, 0.0) / p.molecules_per_nM


@compiled
def bridge_constant(w):
    """K2 in molecules per contact: free antibody and serum IgG occupy CD16a; infinite without an Fc."""
    p = w.p
    if p.fc_gain <= 0.0:
        return np.inf
    free_nM = w.pools[0].free_nM + w.pools[1].free_nM
    return p.k2 / p.fc_gain * (1.0 + (free_nM * p.fc_gain + p.serum_nM) / p.k16)


@compiled
def two_armed(bound, sites, cross_link):
    """Antibodies with both arms on the cell, A2 = Kx r A1 / 2, by bisection of Ra = r + A1 + 2 A2 in the share of B."""
    low, high = 0.0, bound
    for _ in range(60):
        both = 0.5 * (low + high)
        empty = sites - bound - both
        if empty > 0.0 and cross_link * empty * (bound - both) > 2.0 * both:
            low = both
        else:
            high = both
    return 0.5 * (low + high)


@compiled
def synapse(w, k2, i, j):
    """S (0-1) of a contact of target i with effector j at the present antibody and CD16a."""
    p, cell = w.p, w.nk[j]
    n16 = p.phi_e * cell.cd16a * cell.level / LEVELS
    opsonin = 0.0
    for a in range(2):
        both = two_armed(w.bound[a, i], w.sites[i], w.pools[a].cross_link)
        opsonin += p.phi_t * (both + w.pools[a].one_arm * (w.bound[a, i] - both))
    bridges = (opsonin * n16 / (k2 + opsonin + n16)) ** p.hill
    return bridges / (bridges + p.x50**p.hill)
