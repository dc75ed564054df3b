"""Dry runs: what a proposed policy would have changed for the service of the last months. Nothing is written."""
