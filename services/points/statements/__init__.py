"""Statements to take along: an account's lines over a period, as a spreadsheet or on paper."""
