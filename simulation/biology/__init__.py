"""The laws of the model: small pure compiled functions, no loops over agents, no state (numpy and numba only)."""
