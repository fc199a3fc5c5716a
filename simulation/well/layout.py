"""Layout: where each bit, counter and pool of the well stands. One place, used by kernel, state and engine."""

from typing import NamedTuple

WALL = -(2**31)  # grid value of a site outside the well; 0 free, n > 0 effector n-1, n < 0 target -n-1

# target status
ALIVE, COMMITTED, DEAD, CLEARED = 0, 1, 4, 5  # 1, 2, 3 are the stages between commitment and release

# effector state word: direction in bits 0-2, flags, then CD16a level, granules, granules at the start
DIRECTION = 7
ATTACHED, GONE, FIXED, CAN_ADCC, CAN_NATURAL = 8, 16, 32, 64, 128
LEVEL_SHIFT, GRANULE_SHIFT, START_SHIFT = 8, 12, 20
STRONG = 1 << 28  # owns a second slot: its hit rate exceeds the common bound

# columns of the effector record: PARTNER is the target held or last touched, STAMP the time of the last hop or release
POS, PARTNER, STATE, STAMP = 0, 1, 2, 3

# counters (int64)
COUNTERS = (
    "kills", "spontaneous_deaths", "deaths", "cleared", "births", "hits", "encounters", "contacts",
    "effectors_dead", "attached", "dying", "alive", "events", "shed", "reloads", "effectors_added", "granules_washed",
)  # fmt: skip
C = {name: i for i, name in enumerate(COUNTERS)}

# clock (int64): progress through the run; enough to re-enter in the middle of a tick
CLOCK = ("tick", "event", "events_in_tick", "draws", "targets", "slots", "logged")
K = {name: i for i, name in enumerate(CLOCK)}

# pools (float64): antibody per epitope pool in nM of the well, and hours of searching summed over effectors
POOLS = (
    "free_0", "free_1", "internalised_0", "internalised_1", "cleared_0", "cleared_1", "added_0", "added_1",
    "washed_0", "washed_1", "searching_h", "k2",
)  # fmt: skip
P = {name: i for i, name in enumerate(POOLS)}

# event log
EVENT_KINDS = ("birth", "conjugation", "detachment", "hit", "commitment", "death", "clearance", "effector_death")
BIRTH, CONJUGATION, DETACHMENT, HIT, COMMITMENT, DEATH, CLEARANCE, EFFECTOR_DEATH = range(8)

# return codes of the kernel
DONE, EVENTS_FULL, TARGETS_FULL, RATE_EXCEEDS_BOUND = 0, 1, 2, 3


class Rates(NamedTuple):
    """What the kernel needs of a well, in its own units (per hour, molecules, nM, sites). Read-only."""

    tick_h: float
    # effectors
    hop: float
    tumble: float
    forget: float  # tumbles per hour that also wipe the memory of the last target
    conjugation_min: float
    conjugation_span: float
    conjugate_lifetime_h: float
    post_kill_attachment_h: float
    shedding_detachment: float
    antibody_hit: float
    natural_hit: float
    late_kill: float
    bridges_half: float
    bridges_hill: float
    shedding: float
    reload_h: float
    effector_death: float
    death_per_kill: float
    # targets
    repair_h: float
    death_stage: float
    spontaneous_death: float
    clearance: float
    doubling_time_h: float
    growth: int  # 1 where cells divide and the direct effect acts
    growth_block: float
    target_contact: float
    direct_effect_max_0: float
    direct_effect_max_1: float
    direct_occupancy_half: float
    direct_onset_h: float
    mutation_rate: float
    mutant_response: float
    # antibody
    pools_in_use: int
    kon_0: float
    kon_1: float
    koff_0: float
    koff_1: float
    cross_link_0: float
    cross_link_1: float
    one_arm_weight_0: float
    one_arm_weight_1: float
    accessible: float
    net_loss: float
    modulation: float
    nM_per_molecule: float
    k2_bridges: float
    fc_gain: float
    k16_nM: float
    genotype_factor: float
    serum_igg_nM: float
    # grid and uniformisation bounds
    row: int
    plane: int
    layers: int
    effector_bound: float
    reload_bound: float
    target_bound: float
