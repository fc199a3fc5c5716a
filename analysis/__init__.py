"""Statistics of finished studies: run files in, tables, figures and one report out.

This package reads what the simulation has written; of `simulation` it imports only how files are opened,
checked and how text is shown. Importing `analysis` is cheap on purpose (a command line does it at start): pandas, scipy
and matplotlib are loaded by the modules that need them. Entry point for in-vitro wells: `analysis.study.analyse_wells`.
"""

from analysis.errors import ForeignFile, MissingControls

__all__ = ["ForeignFile", "MissingControls"]
