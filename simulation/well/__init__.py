"""The in-vitro well: agents as columns (state), the exact event loop (kernel), and the engine around them."""
