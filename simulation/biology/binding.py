"""Binding: bivalent antibody on the receptors of one cell, with cross-linking.

Model    A cell with Ra accessible receptors holds r free ones, A1 antibodies bound by one arm, A2 by both:
             Ra = r + A1 + 2 A2,   B = A1 + A2,   A2 = Kx r A1 / 2       (A1 <-> A2 fast)
             dB/dt = 2 kon C r - koff A1 - k_net B,   koff = kon K1
         Free receptors at given B solve   Kx/2 r^2 + (1 + B Kx - Ra Kx/2) r - (Ra - B) = 0.
         Equilibrium: A1 = 2 (C/K1) r, A2 = (C/K1) Kx r^2, so r = 2 Ra / (b + sqrt(b^2 + 8 (C/K1) Kx Ra)), b = 1 + 2
         C/K1.
Units    molecules per cell; C and K1 in nM; kon per nM and hour for one arm (Fab); Kx per receptor.
Source   Bivalent cell-surface binding after Perelson & DeLisi 1980 (Math Biosci 48:71); constants in the catalogue
         (kon_per_nM_h, kd_nM, cross_link_per_receptor, her2_internalisation_per_h).
Limits   Kx -> 0: Langmuir isotherm; C -> 0: B = 0; long time without loss: the closed-form equilibrium
         (tests/biology/test_binding.py)
"""

import math

from numba import njit

AVOGADRO_PER_MOL = 6.02214076e23
SERUM_IGG_KDA = 150.0


@njit(inline="always")
def free_receptors(accessible, bound, cross_link):
    """Receptors with no arm on them, r(B), for `bound` antibodies on `accessible` receptors (molecules per cell)."""
    b = 1.0 + bound * cross_link - 0.5 * accessible * cross_link
    root = math.sqrt(b * b + 2.0 * cross_link * max(accessible - bound, 0.0))
    # two forms of one root: each is free of cancellation on its own side of b = 0
    return 2.0 * max(accessible - bound, 0.0) / (b + root) if b > 0.0 else (root - b) / cross_link


@njit(inline="always")
def singly_bound(accessible, free, cross_link):
    """Antibodies held by one arm only, A1(r) = (Ra - r) / (1 + Kx r)."""
    return (accessible - free) / (1.0 + cross_link * free)


@njit(inline="always")
def equilibrium_free(accessible, c_nM, kd_nM, cross_link):
    """Free receptors at equilibrium with a constant concentration c_nM."""
    a = c_nM / kd_nM
    b = 1.0 + 2.0 * a
    return 2.0 * accessible / (b + math.sqrt(b * b + 8.0 * a * cross_link * accessible))


@njit(inline="always")
def equilibrium_bound(accessible, c_nM, kd_nM, cross_link):
    """Antibodies (Fc parts) per cell at equilibrium, B = A1 + A2."""
    r = equilibrium_free(accessible, c_nM, kd_nM, cross_link)
    a = c_nM / kd_nM
    return 2.0 * a * r + a * cross_link * r * r


@njit(inline="always")
def bound_after(bound, accessible, c_nM, kon, koff, cross_link, loss_per_h, dt_h):
    """Bound antibody after dt_h at concentration c_nM: one linearly implicit (Rosenbrock-Euler) step.

    Stable for any step: at 10 ug/mL the binding time is half a minute, so an explicit minute would overshoot.
    """
    free = free_receptors(accessible, bound, cross_link)
    single = singly_bound(accessible, free, cross_link)
    net = 2.0 * kon * c_nM * free - koff * single - loss_per_h * bound
    slope_root = 1.0 + bound * cross_link - 0.5 * accessible * cross_link + cross_link * free
    one = 1.0 + cross_link * free
    d_free = -one / slope_root
    d_single = -d_free * (1.0 + cross_link * accessible) / (one * one)
    jacobian = 2.0 * kon * c_nM * d_free - koff * d_single - loss_per_h
    return max(bound + dt_h * net / (1.0 - dt_h * jacobian), 0.0)


def dose_nM(dose_ug_per_ml, molar_mass_kda):
    """Molar concentration (nM) of a mass concentration: 1 ug/mL of a 145.5-kDa IgG is 6.87 nM."""
    return dose_ug_per_ml * 1000.0 / molar_mass_kda


def nM_per_molecule(volume_ul):
    """Concentration (nM) that one molecule makes in volume_ul."""
    return 1e9 / (AVOGADRO_PER_MOL * volume_ul * 1e-6)


def serum_igg_nM(g_per_l):
    """Molar concentration (nM) of serum IgG given in g/L."""
    return g_per_l * 1e6 / SERUM_IGG_KDA
