"""Lysis by dose in a notebook: the shortest code now, and before, without a results report. Stated, not measured.

Both give the table lysis_summary of the shipped protocol in memory; only what they import from the product is counted.
"""

AFTER = """\
import adccsim as ac

study = ac.run("adcc_protocol")
study.lysis_summary
"""

BEFORE = """\
from pathlib import Path

from analysis.controls import plate_controls
from analysis.design import design_table
from analysis.design_point import varied_of
from analysis.lysis import lysis_summary, lysis_table
from analysis.trajectory import read_study
from simulation.run.study import run_study
from simulation.scenario.conditions import conditions_of
from simulation.scenario.load import load_scenario
from simulation.scenario.shipped import find

out = Path("results/notebook")
scenario = load_scenario(find("adcc_protocol"))
run_study(scenario, conditions_of(scenario), "adcc_protocol.toml", out)
study = read_study(out)
design, extra = design_table(study.runs, varied_of(study.info))
lysis_summary(lysis_table(study.runs, design, extra, plate_controls(study.runs, design)), extra)
"""
