"""Sheets of a laboratory: separated text, its numbers, units and names.

The text of a spreadsheet export becomes a header and rows of cells, numbers with the right decimal sign, factors of
units, and one spelling per name. The meaning of a column is decided where plates, caliper data or observed lysis are
read.
"""
