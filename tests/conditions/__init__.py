"""Tests of adccsim.conditions."""
