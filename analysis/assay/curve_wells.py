"""The wells of one dose-response curve, as arrays: taken apart far quicker than a table, for a thousand donors' curves.

Limits   means over donors and doses == those of pandas                    (tests/analysis/assay/test_dose_response.py)
"""

from typing import NamedTuple

import numpy as np


class Wells(NamedTuple):
    """Arrays (n,): doses in ug/mL, donors, responses."""

    dose: np.ndarray
    donor: np.ndarray
    response: np.ndarray

    def where(self, chosen: np.ndarray) -> "Wells":
        """Those of the wells with True in `chosen` (n,)."""
        return Wells(*(column[chosen] for column in self))

    def at(self, dose: float) -> np.ndarray:
        """Responses at one dose."""
        return self.response[self.dose == dose]

    def means(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(doses (K,) rising, donors (D,), mean responses (D, K), NaN where a donor has no well at a dose)."""
        doses, k = np.unique(self.dose, return_inverse=True)
        donors, d = np.unique(self.donor, return_inverse=True)
        cell, cells = d * len(doses) + k, len(doses) * len(donors)
        counts = np.bincount(cell, minlength=cells)
        sums = np.bincount(cell, self.response, cells)
        means = np.divide(sums, counts, out=np.full(cells, np.nan), where=counts > 0)
        return doses, donors, means.reshape(len(donors), len(doses))
