"""Tests of the well: limits, engine, mechanisms."""
