"""The ledger: accounts and transfers in double entry, integers only, nothing ever changed or deleted."""
