"""Tests of analysis.assay."""
