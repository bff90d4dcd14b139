"""What the ledger shows: pure folds over the log, and the tables that hold what they give."""
