"""Donations (有捐): goods given to a love market, their receipts, and what became of them."""
