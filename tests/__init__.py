"""The tests: `make test` runs them all, `make bench` what is measured."""
