"""The core of the credit ledger, pure: what may happen, what follows from it, and why."""
