"""adccsim: agents of antibody-dependent cellular cytotoxicity in a well and, later, in a mouse."""

from simulation.version import __version__

__all__ = ["__version__"]
