"""Tests of the tumour in the mouse: each law alone, then growth, movement and shape of whole tumours."""
