"""How each family decides: its state, what a command comes to, and what an event changes."""
