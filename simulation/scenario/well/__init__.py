"""Scenarios of a well: what a file may say, checks, resolved conditions, controls, and what they will take."""
