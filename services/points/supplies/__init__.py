"""Supplies (活动物资): pieces that a team is issued from the market's shelves, brings back, and accounts for."""
