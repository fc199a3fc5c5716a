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


def _contact_of(kind: np.ndarray, effector: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(begins, which, inside) of events sorted by effector and then by time, each of shape (events,) but begins.

    begins: places of the conjugations; which: index in begins of the last one before an event; inside: whether that
    conjugation is of the same effector.
    """
    begins = np.flatnonzero(kind == "conjugation")
    which = np.searchsorted(begins, np.arange(len(kind)), side="right") - 1
    inside = which >= 0
    inside[inside] = effector[inside] == effector[begins[which[inside]]]
    return begins, which, inside


def outcomes(kind: np.ndarray, effector: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(effector, whether it killed) of every finished contact, by effector and then in order.

    kind  words of _KINDS (others are passed over), in the order of time; effector  the number of the NK cell.
    """
    ours = np.isin(kind, _KINDS) & (effector >= 0)
    kind, effector = kind[ours], effector[ours]
    order = np.argsort(effector, kind="stable")
    kind, effector = kind[order], effector[order]
    begins, which, inside = _contact_of(kind, effector)
    killed, ended = np.zeros(len(begins), bool), np.zeros(len(begins), bool)
    killed[which[inside & (kind == "commitment")]] = True
    ended[which[inside & (kind != "conjugation")]] = True
    return effector[begins][ended], killed[ended]


def contact_table(events: pd.DataFrame) -> pd.DataFrame:
    """Contacts by effector and in order, from the events of a well (columns hours, kind, target, effector).

    Columns: effector, target, start_h, end_h (NaN: open at the end), hits (by this effector during the contact), killed
    (this effector committed the target), ended_by: detachment, clearance (of the target), effector_death, or open.
    """
    ours = events[events["effector"] >= 0].sort_values("effector", kind="stable")
    kind, effector = ours["kind"].astype(str).to_numpy(), ours["effector"].to_numpy()
    place = events.index.get_indexer(ours.index)  # in the order of time
    begins, which, inside = _contact_of(kind, effector)
    count, never = len(begins), len(events)
    table = pd.DataFrame({"effector": effector[begins], "target": ours["target"].to_numpy()[begins]})

    def first(kinds: str) -> np.ndarray:
        """Place of the first such event of each contact."""
        found = np.full(count, never)
        chosen = inside & (kind == kinds)
        np.minimum.at(found, which[chosen], place[chosen])
        return found

    # A target that is cleared ends the contact that holds it, if its effector has not begun another one.
    following = np.full(count, never)
    same = effector[begins[1:]] == effector[begins[:-1]]
    following[:-1][same] = place[begins[1:]][same]
    cleared_at = pd.Series(np.arange(never), events["target"])[(events["kind"] == "clearance").to_numpy()]
    cleared = table["target"].map(cleared_at).fillna(never).to_numpy(int)
    cleared[(cleared < place[begins]) | (cleared > following)] = never
    ends = np.stack([first("detachment"), first("effector_death"), cleared])
    end = ends.min(axis=0, initial=never)
    hours = np.append(events["hours"].to_numpy(float), np.nan)
    table["start_h"], table["end_h"] = hours[place[begins]], hours[end]
    table["hits"] = np.bincount(which[inside & (kind == "hit")], minlength=count)
    table["killed"] = first("commitment") < never
    names = np.array(["detachment", "effector_death", "clearance"])
    table["ended_by"] = np.where(end < never, names[ends.argmin(axis=0)], "open") if count else names[:0]
    return table


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
