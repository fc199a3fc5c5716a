"""Layout of a well's run file (HDF5, one file per run): names, units and meaning.

/h5md              version and creator (H5MD 1.1)
/meta              attrs: schema_version, run_id, plate, condition (canonical JSON), model_version, status = complete
/observables/<name>/{value, step, time}    series over the run; time in hours from the addition of effectors
/observables/<histogram>/{value, step, time, edges}    once, at the end
/final             every agent at the end                                  (level final and above)
/events            all events with time, target, effector and position     (level events and above)
/particles/{target, effector}/{position, state}/{value, step, time}        (level frames)
/VTKHDF            the particles for ParaView: virtual datasets without copies    (level frames)

The seal follows the HDF5 data: a line with the SHA-256 of all bytes before it (simulation/seal.py).
Schema versions: run_schema.py.
"""

# name: (unit, description)
SERIES = {
    "targets_alive": ("1", "living targets that are not committed to die"),
    "targets_dying": ("1", "targets between commitment and release"),
    "targets_dead": ("1", "cumulative number of dead targets, cleared ones included"),
    "targets_cleared": ("1", "cumulative number of dead targets cleared"),
    "births": ("1", "cumulative number of daughter cells"),
    "kills": ("1", "cumulative number of targets committed to die by effectors"),
    "spontaneous_deaths": ("1", "cumulative number of targets that died spontaneously"),
    "effectors_alive": ("1", "living effectors in the well"),
    "effectors_dead": ("1", "cumulative number of dead effectors"),
    "conjugates": ("1", "effectors that hold a target"),
    "encounters": ("1", "cumulative number of encounters of searching effectors with living targets"),
    "contacts": ("1", "cumulative number of conjugates formed"),
    "hits": ("1", "cumulative number of lytic hits"),
    "effector_searching_h": ("h", "cumulative search time, summed over effectors"),
    "antibody_free_nM": ("nmol L-1", "free antibody in the medium"),
    "antibody_bound_per_target": ("1", "mean number of antibodies bound to targets that are not dead"),
    "receptor_occupancy": (
        "1",
        "fraction of accessible HER2 occupied by the first antibody on targets that are not dead",
    ),
    "antibody_internalised_per_target": ("1", "cumulative number of antibodies internalised, per seeded target"),
    "antibody_cleared_per_target": (
        "1",
        "cumulative number of antibodies lost with cleared targets, per seeded target",
    ),
    "cd16a_level": ("1", "mean fraction of CD16a left on living effectors"),
    "granules_mean": ("1", "mean number of granules left in living effectors"),
    "resistant_fraction": ("1", "fraction of living targets that belong to a resistant clone"),
    "signal": ("raw", "reading of the assay, with reader noise, blank not subtracted"),
    "signal_maximum": ("raw", "reading after lysis of every target, without noise"),
    "signal_blank": ("raw", "reading of medium alone"),
}

HISTOGRAMS = {
    "kills_per_nk": ("1", "effectors by number of kills"),
    "contacts_per_nk": ("1", "effectors by number of conjugates formed"),
    "granules_left": ("1", "living effectors by number of granules left"),
    "time_to_first_kill_h": ("1", "effectors that killed, by time to their first kill in hours"),
}

FINAL = {
    "target_x": ("sites of 10 um", "column of the lower left of four sites"),
    "target_y": ("sites of 10 um", "row of the lower left of four sites"),
    "target_status": ("1", "0 alive, 1-3 committed, 4 dead, 5 cleared"),
    "target_her2": ("1", "HER2 receptors on the cell"),
    "target_bound": ("1", "antibodies bound to the cell"),
    "target_clone": ("1", "0 parental, 1 resistant mutant"),
    "effector_x": ("sites of 10 um", "column"),
    "effector_y": ("sites of 10 um", "row"),
    "effector_layer": ("1", "layer of the stack, 0 lowest"),
    "effector_state": ("1", "0 searching, 1 holds a living target, 2 holds a dying or dead target, 3 dead"),
    "effector_kills": ("1", "kills by the effector"),
    "effector_contacts": ("1", "conjugates formed"),
    "effector_granules": ("1", "granules left"),
}

EVENTS = {
    "time": ("h", "time from the addition of effectors; the order is exact, times within a tick follow the rank"),
    "kind": ("1", "see the attribute legend"),
    "target": ("1", "index of the target, -1 if none"),
    "effector": ("1", "index of the effector, -1 if none"),
    "x": ("sites of 10 um", "column of the event"),
    "y": ("sites of 10 um", "row of the event"),
}
