"""Signs of invented hours (虚报时长的疑点): found beside the ledger, shown with their evidence, decided by people."""
