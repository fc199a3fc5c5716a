"""Contacts of NK cells in their order, from the events of a run: does a cell that has killed kill again?

Model    A contact begins with a conjugation and ends with the detachment or the death of the NK cell; it killed if the
         NK cell delivered the committing hit in it. Contacts that the end of the assay cuts off have no outcome and
         are left out.
         first_contact_kill_fraction   of the first contacts, those that killed
         kill_after_kill_fraction      of the contacts whose predecessor (same NK cell) killed, those that killed
         kill_after_none_fraction      of the contacts whose predecessor did not kill, those that killed
         killers_ending_without_kill_fraction   of the NK cells that killed, those whose last contact did not
Limits   every contact kills: 1, 1, none, 0                                      (tests/analysis/assay/test_contacts.py)
"""

import json

import numpy as np
import pandas as pd

from adccsim.analysis.errors import ForeignFile
from adccsim.analysis.reading.run_file import opened
from adccsim.analysis.reading.runs import Run

FIRST, AFTER_KILL = "first_contact_kill_fraction", "kill_after_kill_fraction"
AFTER_NONE, ENDING = "kill_after_none_fraction", "killers_ending_without_kill_fraction"
IN_ORDER = (FIRST, AFTER_KILL, AFTER_NONE, ENDING)
_KINDS = ("conjugation", "detachment", "commitment", "effector_death")


def outcomes(kind: np.ndarray, effector: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(effector, whether it killed) of every finished contact, by effector and then in order.

    kind  words of _KINDS (others are passed over), in the order of time; effector  the number of the NK cell.
    """
    ours = np.isin(kind, _KINDS) & (effector >= 0)
    kind, effector = kind[ours], effector[ours]
    order = np.argsort(effector, kind="stable")
    kind, effector = kind[order], effector[order]
    begins = np.flatnonzero(kind == "conjugation")
    if not len(begins):
        return np.zeros(0, int), np.zeros(0, bool)
    which = np.searchsorted(begins, np.arange(len(kind)), side="right") - 1  # the contact that an event may belong to
    inside = (which >= 0) & (effector == effector[begins[which]])
    killed, ended = np.zeros(len(begins), bool), np.zeros(len(begins), bool)
    killed[which[inside & (kind == "commitment")]] = True
    ended[which[inside & (kind != "conjugation")]] = True
    return effector[begins][ended], killed[ended]


def contact_table(events: pd.DataFrame) -> pd.DataFrame:
    """Contacts by effector and in order, from the events of a well (columns hours, kind, target, effector).

    Columns: effector, target, start_h, end_h (NaN: open at the end), hits (by this effector during the contact), killed
    (this effector committed the target), ended_by: detachment, clearance (of the target), effector_death, or open.
    """
    kind, hours = events["kind"].astype(str).to_numpy(), events["hours"].to_numpy()
    targets = events["target"].to_numpy()
    cleared = {int(targets[i]): i for i in np.flatnonzero(kind == "clearance")}
    rows = []
    for effector, part in events[events["effector"] >= 0].groupby("effector", sort=True):
        places = events.index.get_indexer(part.index)
        starts = places[kind[places] == "conjugation"]
        for start, following in zip(starts, [*starts, len(events)][1:], strict=True):
            target = int(targets[start])
            own = places[(places >= start) & (places < following)]
            ends = own[np.isin(kind[own], ("detachment", "effector_death"))][:1].tolist()
            if start < cleared.get(target, -1) < following:
                ends.append(cleared[target])
            end = min(ends, default=None)
            reason = "open" if end is None else kind[end]
            hits, killed = np.sum(kind[own] == "hit"), np.any(kind[own] == "commitment")
            end_h = np.nan if end is None else hours[end]
            rows.append((effector, target, hours[start], end_h, int(hits), bool(killed), reason))
    columns = ["effector", "target", "start_h", "end_h", "hits", "killed", "ended_by"]
    return pd.DataFrame(rows, columns=columns)


def in_order(effector: np.ndarray, killed: np.ndarray) -> dict[str, float]:
    """The fractions IN_ORDER of contacts as `outcomes` gives them; NaN where there are none to count."""
    first = np.append(True, effector[1:] != effector[:-1])[: len(effector)]
    last = np.append(effector[1:] != effector[:-1], True)[: len(effector)]
    before = np.append(False, killed[:-1])[: len(killed)]
    killers = np.isin(effector, effector[killed])
    chosen = (killed[first], killed[~first & before], killed[~first & ~before], ~killed[last & killers])
    means = [float(part.mean()) if len(part) else float("nan") for part in chosen]
    return dict(zip(IN_ORDER, means, strict=True))


def contacts_in_order(run: Run) -> dict[str, float]:
    """The fractions IN_ORDER of a run file. Raises ForeignFile where it was written without events."""
    with opened(run.path) as file:
        if "events" not in file:
            raise ForeignFile(f'{run.path.name}: no events in it; output.level = "events" writes them')
        group = file["events"]
        legend = json.loads(group["kind"].attrs["legend"])
        words = np.array([legend[str(code)] for code in range(len(legend))])
        return in_order(*outcomes(words[group["kind"][()].astype(int)], group["effector"][()].astype(int)))
