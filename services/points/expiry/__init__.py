"""Points lapse: lot by lot, first earned first spent, told a month before."""
