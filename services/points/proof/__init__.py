"""Proof: the ledger checked against itself, and against a replay of everything that ever happened."""
