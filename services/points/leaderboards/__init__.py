"""Leaderboards (排行榜): who served most in a community and a period. Whoever does not want to be on one is not."""
