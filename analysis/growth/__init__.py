"""Tumour growth in mice: caliper data to TGI, response, survival and tests, each with its interval.

The entry points are `study.analyse_growth` for a caliper sheet and `mice.analyse_mice` for run files of simulated mice:
tables, figures, exports and a report.
"""
