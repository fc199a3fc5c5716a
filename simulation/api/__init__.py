"""The public API behind `import adccsim`: studies, run files and the catalogue as objects for a notebook or a script.

Names are imported from the top of the package, which loads these modules when they are first used.
"""
