"""Tests of what writes run files."""
