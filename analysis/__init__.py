"""Statistics of finished studies: run files in, tables, figures and one report out.

This package reads what the simulation has written; of `simulation` it imports only how files are opened,
checked and how text is shown. Importing `analysis` is cheap on purpose (a command line does it at start): pandas, scipy
and matplotlib are loaded by the modules that need them.

    reading   run files and study folders to tidy tables
    sheets    separated text of a laboratory to cells, numbers, units and names
    assay     wells and plates: lysis, dose response, kinetics, viability, killing
    growth    mice: calipers, TGI, response, survival, tests
    fitting   simulation against measurement: comparison, calibration, sensitivity

Entry points: `assay.study.analyse_wells`, `growth.study.analyse_growth`, `growth.mice.analyse_mice`.
"""

from adccsim.analysis.errors import ForeignFile, MissingControls

__all__ = ["ForeignFile", "MissingControls"]
