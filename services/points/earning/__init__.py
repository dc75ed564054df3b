"""Earning: what the events of other contexts are worth, and how a batch of them becomes transfers."""
