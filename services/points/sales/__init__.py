"""Sales (有卖): goods sold for money at the counter."""
