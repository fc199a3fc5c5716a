"""Scenario files that ship with adccsim: flat TOML, one experiment each; README.md says what each reproduces."""
