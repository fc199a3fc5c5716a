"""What is known: cell lines, effectors, antibodies, mechanisms, wells, read-outs; each number with range and source.

`lookup.load()` reads the TOML tables of this folder; nothing is read on import.
"""
