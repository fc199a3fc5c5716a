"""Tests of simulation.conditions."""
