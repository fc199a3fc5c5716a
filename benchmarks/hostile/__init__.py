"""The product under attack: broken inputs, damaged files, kills, and how each is counted. Run it with `make hostile`."""
