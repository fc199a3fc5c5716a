"""Plates of a laboratory: readings of 96 wells to percent lysis through their own controls, and how good a plate is.

`plate.analyse_plate` reads and computes; `output.write_plate` writes the tables and the figure.
"""
