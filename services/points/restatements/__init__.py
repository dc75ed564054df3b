"""Days that are over, priced anew under another policy."""
