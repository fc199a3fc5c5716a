"""Tests of adccsim.analysis.sheets."""
