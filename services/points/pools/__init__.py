"""The public pool (公益时间池) of a community: minutes for those who have none."""
