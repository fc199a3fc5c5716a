"""Layout: names, units and meaning of everything in a run file (HDF5, one file per run).

/h5md              version and creator (H5MD 1.1)
/meta              attrs: schema_version, run_id, plate, condition (canonical JSON), model_version, status = complete
/observables/<name>/{value, step, time}    series over the run; time in hours from the addition of effectors
/observables/<histogram>/{value, step, time, edges}    once, at the end
/final             every agent at the end                                  (level final and above)
/events            who did what to whom, when and where                    (level events and above)
/particles/{target, effector}/{position, state}/{value, step, time}        (level frames)
/VTKHDF            the particles as ParaView reads them: virtual datasets, nothing is copied    (level frames)

Behind the end of HDF5's data stands the seal, a line with the SHA-256 of all bytes before it (simulation/seal.py).
Schema versions: run_schema.py.
"""

# name: (unit, description)
SERIES = {
    "targets_alive": ("1", "living targets that are not committed to die"),
    "targets_dying": ("1", "targets between commitment and release"),
    "targets_dead": ("1", "targets that have died so far, cleared ones included"),
    "targets_cleared": ("1", "corpses cleared so far"),
    "births": ("1", "daughter cells so far"),
    "kills": ("1", "targets committed by effectors so far"),
    "spontaneous_deaths": ("1", "targets that died by themselves so far"),
    "effectors_alive": ("1", "living effectors in the well"),
    "effectors_dead": ("1", "effectors that have died so far"),
    "conjugates": ("1", "effectors that hold a target"),
    "encounters": ("1", "meetings of searching effectors with living targets so far"),
    "contacts": ("1", "conjugates formed so far"),
    "hits": ("1", "lytic hits so far"),
    "effector_searching_h": ("h", "time spent searching, summed over effectors, so far"),
    "antibody_free_nM": ("nmol L-1", "free antibody in the medium"),
    "antibody_bound_per_target": ("1", "antibodies bound per target present and not dead"),
    "receptor_occupancy": ("1", "share of accessible HER2 occupied by the first antibody on targets not dead"),
    "antibody_internalised_per_target": ("1", "antibodies internalised per target seeded, so far"),
    "antibody_cleared_per_target": ("1", "antibodies gone with cleared corpses per target seeded, so far"),
    "cd16a_level": ("1", "mean share of CD16a left on living effectors"),
    "granules_mean": ("1", "mean number of granules left in living effectors"),
    "resistant_fraction": ("1", "share of living targets of a resistant clone"),
    "signal": ("raw", "reading of the assay, reader noise included, blank not subtracted"),
    "signal_maximum": ("raw", "reading if every target had been lysed (no noise)"),
    "signal_blank": ("raw", "reading of medium alone"),
}

HISTOGRAMS = {
    "kills_per_nk": ("1", "effectors by number of kills"),
    "contacts_per_nk": ("1", "effectors by number of conjugates formed"),
    "granules_left": ("1", "living effectors by granules left"),
    "time_to_first_kill_h": ("1", "effectors that killed, by hours to their first kill"),
}

FINAL = {
    "target_x": ("sites of 10 um", "column of the lower left of four sites"),
    "target_y": ("sites of 10 um", "row of the lower left of four sites"),
    "target_status": ("1", "0 alive, 1-3 committed, 4 dead, 5 cleared"),
    "target_her2": ("1", "HER2 receptors on the cell"),
    "target_bound": ("1", "antibodies bound"),
    "target_clone": ("1", "0 parental, 1 resistant mutant"),
    "effector_x": ("sites of 10 um", "column"),
    "effector_y": ("sites of 10 um", "row"),
    "effector_layer": ("1", "layer of the stack, 0 lowest"),
    "effector_state": ("1", "0 searching, 1 holds a living target, 2 holds a dying or dead target, 3 dead"),
    "effector_kills": ("1", "kills credited"),
    "effector_contacts": ("1", "conjugates formed"),
    "effector_granules": ("1", "granules left"),
}

EVENTS = {
    "time": ("h", "time from the addition of effectors; exact order, time resolved within a tick by rank"),
    "kind": ("1", "see the attribute legend"),
    "target": ("1", "index of the target, -1 if none"),
    "effector": ("1", "index of the effector, -1 if none"),
    "x": ("sites of 10 um", "column of the event"),
    "y": ("sites of 10 um", "row of the event"),
}
