"""The run file: its layout in one place, and the one writer."""
