"""Experiments: questions that are asked of many runs, as functions that return results and raise.

    study        the runs of a scenario, and the analysis of a folder of runs
    compare      simulated experiments next to measured ones
    predict      simulated experiments as one table, named by the state of the catalogue
    calibrate    catalogue numbers fitted to measured experiments
    sensitivity  which catalogue numbers move the outcome
    sheets       a laboratory's own plate or caliper sheet

No function here prints or ends the process. Each takes `report`, which receives one line of text at a time, and those
that simulate take `progress`, which receives an execution.ledger.Step. Exceptions are those of errors.py and, for a
scenario, a catalogue overlay or a results folder that cannot be used, ScenarioError, CatalogueError and FolderError.
"""
