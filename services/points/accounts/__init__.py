"""Accounts as people see them: balances and statements."""
