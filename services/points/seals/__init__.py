"""Seals: each day of a community's ledger, counted, summed up and hashed, each seal chained to the one before."""
