"""Policies: how service is priced, as versioned data in force from a date, for a node and everything below it."""
