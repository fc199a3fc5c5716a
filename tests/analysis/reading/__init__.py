"""Tests of adccsim.analysis.reading."""
