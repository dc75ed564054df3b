"""Deaths of account holders (身故): recorded, confirmed by a second person; the minutes go where the policy says."""
