"""What the service keeps on this machine when nothing is given: its home and a PostgreSQL in it."""

from .home import Home, HomeHeld, Run
from .postgres import Postgres, at, start
from .programs import NoPostgres

__all__ = ["Home", "HomeHeld", "NoPostgres", "Postgres", "Run", "at", "start"]
