"""Tests of adccsim.analysis.fitting."""
