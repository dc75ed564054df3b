"""Balances for subscribers: the latest of every account on a compacted topic."""
