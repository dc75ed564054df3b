"""Aid (有助): goods given to a household in need, approved by two people."""
