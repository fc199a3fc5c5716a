"""Simulation and measurement: comparison, calibration with a posterior, recovery, sensitivity and predictions.

The modules take tables of simulated and observed values and return distances, fitted parameters or effects of
parameters. They run no simulations.
"""
