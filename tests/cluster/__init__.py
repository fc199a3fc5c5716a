"""Tests of runs on clusters: Dask on this machine, and a real Slurm of two nodes on this machine."""
