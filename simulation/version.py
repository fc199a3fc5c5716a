"""Versions: of the software, and of each model whose numbers a user may compare between releases.

A model version is part of every run id. It is raised whenever the numbers of an unchanged scenario move; a golden run
in the tests fails when they move without it.
"""

__version__ = "0.1.0"

WELL_MODEL = "well-3"
XENOGRAFT_MODEL = "xenograft-4"
