"""Tumour growth in mice: TGI, response, survival and tests from caliper data, each estimate with its interval.

The entry points are `study.analyse_growth` for a caliper sheet and `mice.analyse_mice` for the run files of simulated
mice. Both write tables, figures, exports and a report.
"""
