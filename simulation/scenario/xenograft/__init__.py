"""Scenarios of a study in mice: what a file may say, checks, mice drawn, and what they will take."""
