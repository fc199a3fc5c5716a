"""The tumour in the mouse: one agent per tumour cell and per effector, in patches of about 64 cells."""
