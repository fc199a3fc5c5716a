"""Runs: one condition from start to finish (one), many in processes (local)."""
