"""Independent simulators that the product is judged against; they import nothing from it."""
