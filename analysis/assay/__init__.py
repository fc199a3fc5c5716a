"""In-vitro wells: lysis, dose response, kinetics, viability and killing, from the readings of wells and their controls.

The entry point for simulated wells is `study.analyse_wells`: tables, figures and a report from a study folder. Plates
of a laboratory are in the package `plates`.
"""
