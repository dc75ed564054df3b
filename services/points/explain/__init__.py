"""Why a balance is what it is: every line with its source, what priced it and what cut it, in words."""
