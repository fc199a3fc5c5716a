"""Tests of adccsim.experiments: called from Python, with wells of a few dozen cells."""

WELLS = """
schema = 1
kind = "well"
title = "a few cells"
[targets]
cell_line = "SK-BR-3"
cells = 60
[effectors]
type = "NK-resting"
et_ratio = 2.0
donors = 2
[antibody]
name = "trastuzumab"
dose_ug_per_ml = 1.0
[assay]
duration_h = 1.0
readout = "calcein"
[output]
level = "observables"
[sweep]
"antibody.dose_ug_per_ml" = [1e-3, 1]
"""
MEASURED = "dose_ug_per_ml,et_ratio,value,sd,n\n1e-3,2,10,3,8\n1,2,30,5,8\n"


def with_tables(text: str) -> str:
    """The scenario of wells with further tables before its sweep."""
    return WELLS.replace("[sweep]", f"{text}\n[sweep]")


COMPARED = with_tables('[compare]\ndata = "measured.csv"\ncitation = "a bench"')
