"""Faults done to real processes, and what must hold of the log whatever happens to them."""
