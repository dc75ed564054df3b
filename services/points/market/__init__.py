"""The love market (爱心超市): items, prices in points, stock."""
