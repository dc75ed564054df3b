"""Suppliers (供应商): shops and firms that a love market buys from."""
