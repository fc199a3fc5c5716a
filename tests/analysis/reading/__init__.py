"""Tests of analysis.reading."""
