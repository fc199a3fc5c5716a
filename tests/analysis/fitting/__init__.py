"""Tests of analysis.fitting."""
