"""What the service keeps on this machine when nothing is given: its home, a PostgreSQL, a Kafka."""

from .home import Home, HomeHeld, RememberedLog, Run
from .jars import NoKafka, are_fetched
from .kafka import FROM_JARS, Cluster, Kafka, kafka_at, start_cluster, start_kafka
from .postgres import Postgres, at, start
from .programs import NoPostgres

__all__ = [
    "FROM_JARS",
    "Cluster",
    "Home",
    "HomeHeld",
    "Kafka",
    "NoKafka",
    "NoPostgres",
    "Postgres",
    "RememberedLog",
    "Run",
    "are_fetched",
    "at",
    "kafka_at",
    "start",
    "start_cluster",
    "start_kafka",
]
