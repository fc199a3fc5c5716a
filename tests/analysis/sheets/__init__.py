"""Tests of analysis.sheets."""
