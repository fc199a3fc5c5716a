"""The product under attack: broken inputs, damaged files, kills; how each is counted. Run by `make hostile`."""
