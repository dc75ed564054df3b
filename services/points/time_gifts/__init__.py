"""Minutes given away: to a relative who is old enough to use them, or to the public pool."""
