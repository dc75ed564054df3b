"""Importing as communities really keep it: rosters and sign-in sheets as `.xlsx` or `.csv`.

Pure: bytes in, rows and problems out. No database, no HTTP, no clock; what day it is comes from the caller.
No value of a cell ever appears in an exception, a problem's text or a ``repr``; only the file that is handed
back to the clerk repeats the clerk's own rows.
"""
