"""Run files and study folders, read into memory and into tidy tables.

A study folder holds one HDF5 file per run, and study.json. From these come the runs (`runs`), the design of the study
(`design`) and the summary table with one row per run (`summary`). No result is computed here.
"""
