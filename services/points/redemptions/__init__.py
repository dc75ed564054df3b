"""Redemptions: points and pieces are held, then handed over or set free."""
