"""`python -m api.cli`: the command line without its installed name."""

from . import main

main()
