"""The patrol grid: cells, crews, shifts and what is found on them."""
