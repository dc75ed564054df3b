"""Households (户): who lives together, and whether they are in need."""
