"""What each kind of regime makes of the facts: pure functions from facts to courses."""
