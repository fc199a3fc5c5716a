"""Antibody in the well: one deterministic step of all cells and the shared medium (two epitope pools)."""

import math

import numpy as np
from numba import njit

from adccsim.biology.binding import bound_after, free_receptors, singly_bound
from adccsim.biology.growth import direct_block
from adccsim.biology.synapse import bridge_constant, engaging
from adccsim.well.layout import ALIVE, P

_FREE, _INTERNAL, _ADDED, _K2 = P["free_0"], P["internalised_0"], P["added_0"], P["k2"]


@njit(nogil=True, cache=True, error_model="numpy")
def _bind(pool, kon, koff, cross_link, n, p, dt_h, pools, status, receptors, bound, scratch):
    """Advance one epitope pool by dt_h hours.

    The medium is implicit first (1e4 cells may deplete it within hours), then each cell moves at that concentration;
    what
    cells gained or internalised is taken from the medium, so the balance is exact. Loops are branch-free and sums stand
    apart, so that the compiler can use vector instructions; a cell without receptors stays at zero by arithmetic.
    """
    now = bound[pool]
    for i in range(n):
        scratch[i] = free_receptors(receptors[i] * p.accessible, now[i], cross_link)
    total_free = 0.0
    for i in range(n):
        total_free += scratch[i]
    for i in range(n):
        scratch[i] = singly_bound(receptors[i] * p.accessible, scratch[i], cross_link)
    total_single = 0.0
    for i in range(n):
        total_single += scratch[i]
    c = pools[_FREE + pool]
    exchange = dt_h * p.nM_per_molecule
    # what comes off counts too: so equilibrium with the medium is a resting point at any step
    c_mid = (c + exchange * koff * total_single) / (1.0 + exchange * 2.0 * kon * total_free)
    loss = p.net_loss * p.modulation
    for i in range(n):
        own_loss = loss if status[i] == ALIVE else 0.0  # dead cells bind but no longer internalise
        after = bound_after(now[i], receptors[i] * p.accessible, c_mid, kon, koff, cross_link, own_loss, dt_h)
        scratch[i] = after - now[i]
        now[i] = after
    gained = 0.0
    for i in range(n):
        gained += scratch[i]
    inside = 0.0
    for i in range(n):
        inside += now[i] if status[i] == ALIVE else 0.0
    inside *= loss * dt_h
    pools[_FREE + pool] = c - (gained + inside) * p.nM_per_molecule
    pools[_INTERNAL + pool] += inside * p.nM_per_molecule


@njit(nogil=True, cache=True, error_model="numpy")
def _respond(n, p, dt_h, status, receptors, receptors_0, response, arrest, bound):
    """Direct arm and receptor turnover of living cells (needed in assays over a day and for modulated lines)."""
    nearer = 1.0 - math.exp(-dt_h / p.direct_onset_h)  # exact for a constant goal, at any tick
    turned_over = 1.0 - math.exp(-dt_h * p.net_loss)
    for i in range(n):
        accessible = receptors[i] * p.accessible
        if status[i] != ALIVE or accessible <= 0.0:
            continue
        theta_0 = 1.0 - free_receptors(accessible, bound[0, i], p.cross_link_0) / accessible
        theta_1 = 1.0 - free_receptors(accessible, bound[1, i], p.cross_link_1) / accessible
        a = direct_block(theta_0, p.direct_effect_max_0, response[i], p.direct_occupancy_half)
        b = direct_block(theta_1, p.direct_effect_max_1, response[i], p.direct_occupancy_half)
        goal = 1.0 - (1.0 - a) * (1.0 - b)
        arrest[i] += np.float32((goal - arrest[i]) * nearer)
        # synthesis balances loss at the cell's own level; antibody-bound receptors may go in faster
        extra = (p.modulation - 1.0) * (theta_0 + theta_1) * accessible
        receptors[i] = max(receptors[i] + turned_over * (receptors_0[i] - receptors[i] - extra), 0.0)


@njit(nogil=True, cache=True, error_model="numpy")
def _engage(now, cross_link, one_arm_weight, n, p, receptors, contact_bound):
    """Add to contact_bound what one pool brings into a contact; antibodies held by one arm count their weight."""
    for i in range(n):
        accessible = receptors[i] * p.accessible
        one_armed = singly_bound(accessible, free_receptors(accessible, now[i], cross_link), cross_link)
        contact_bound[i] += np.float32(p.target_contact * engaging(now[i], one_armed, one_arm_weight))


@njit(nogil=True, cache=True, error_model="numpy")
def step_antibody(n, p, dt_h, pools, status, receptors, receptors_0, response, arrest, bound, contact_bound, scratch):
    """Bind, internalise and turn over receptors for dt_h hours; refresh what the event loop reads.

    n: targets in use. Arrays have the capacity of the well: status uint8, receptors and receptors_0 float64
    (molecules),
    response and arrest float32 (0-1), bound float64 (2, capacity) molecules, contact_bound float32 (engaging
    antibodies inside one contact), scratch float64. pools: see layout.POOLS.
    """
    if pools[_ADDED] > 0.0:
        _bind(0, p.kon_0, p.koff_0, p.cross_link_0, n, p, dt_h, pools, status, receptors, bound, scratch)
    if pools[_ADDED + 1] > 0.0:
        _bind(1, p.kon_1, p.koff_1, p.cross_link_1, n, p, dt_h, pools, status, receptors, bound, scratch)
    if p.growth or p.modulation > 1.0:
        _respond(n, p, dt_h, status, receptors, receptors_0, response, arrest, bound)
    for i in range(n):
        contact_bound[i] = 0.0
    if pools[_ADDED] > 0.0:
        _engage(bound[0], p.cross_link_0, p.one_arm_weight_0, n, p, receptors, contact_bound)
    if pools[_ADDED + 1] > 0.0:
        _engage(bound[1], p.cross_link_1, p.one_arm_weight_1, n, p, receptors, contact_bound)
    free_nM = pools[_FREE] + pools[_FREE + 1]
    pools[_K2] = bridge_constant(p.k2_bridges, p.fc_gain, p.k16_nM, free_nM, p.serum_igg_nM, p.genotype_factor)


@njit(nogil=True, cache=True, error_model="numpy")
def occupancy(accessible, bound, cross_link):
    """Share (0-1) of all accessible receptors that antibody holds; 0 without receptors.

    accessible, bound: receptors and antibodies of one pool per cell, shape (n,); cross_link per receptor.
    """
    total = 0.0
    free = 0.0
    for i in range(accessible.shape[0]):
        total += accessible[i]
        free += free_receptors(accessible[i], bound[i], cross_link)
    return 1.0 - free / total if total > 0.0 else 0.0
