"""Whether the time bank can keep its promises: minutes that people hold, against those who serve, by age."""
