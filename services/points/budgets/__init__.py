"""Budgets (经费): the fen that a love market may buy goods with."""
