"""Tests of adccsim.analysis.assay."""
