"""Long days (超时服务): an office approves that more of a volunteer's day counts than the day's cap allows."""
