"""The parts as containers: the very images, with the very variables, that docker-compose.yml names.

Of Kafka's images testcontainers' own `KafkaContainer` starts Confluent's alone: it takes the tag of
another for the version of Confluent's platform, and writes into that platform's files. So the
broker is started here by what every container has.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

import yaml

from infra.local import Kafka, NoKafka, Postgres, at, kafka_at

from .repository import REPOSITORY

__all__ = ["broker_variables", "compose_image", "compose_service", "start_kafka", "start_postgres"]

HOST: Final = "kafka"
"""What the broker calls itself, inside its container as in docker-compose.yml."""
OUTSIDE_PORT: Final = 19092
"""The container's port for those outside; the engine maps it to a free one of its host."""

ADDRESS_FILE: Final = "/tmp/advertised"  # noqa: S108  # inside the container, which is ours alone
# A broker tells its clients where to find it, and only a container that runs has its mapped port.
WAIT_AND_RUN: Final = (
    f"while [ ! -f {ADDRESS_FILE} ]; do sleep 0.1; done; "
    f'export KAFKA_ADVERTISED_LISTENERS="$(cat {ADDRESS_FILE})"; '
    "exec /etc/kafka/docker/run"
)
TELL: Final = f'printf %s "$1" > {ADDRESS_FILE}.new && mv {ADDRESS_FILE}.new {ADDRESS_FILE}'
_START_S: Final = 120
_SAID_MAX: Final = 2_000


def compose_service(name: str) -> dict[str, Any]:
    """A service of docker-compose.yml."""
    compose = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text("utf-8"))
    found: dict[str, Any] = compose["services"][name]
    return found


def compose_image(name: str) -> str:
    """The image of a service, so that tests run what is deployed."""
    image: str = compose_service(name)["image"]
    return image


def start_postgres() -> Postgres:
    """PostgreSQL in a container."""
    from testcontainers.community.postgres import PostgresContainer  # noqa: PLC0415 # slow

    image = compose_image("postgres")
    container = PostgresContainer(image, username="ledger", driver=None).start()
    given = at(container.get_connection_url(), path=f"Docker {image}")
    return replace(given, stop=container.stop)


def start_kafka(options: Mapping[str, str]) -> Kafka:
    """A broker in a container; `options` are settings that overrule those of docker-compose.yml.

    Raises:
        NoKafka: the engine does not start it, or it does not answer; the message says why.
    """
    from docker.errors import DockerException  # noqa: PLC0415 # slow
    from testcontainers.core.container import DockerContainer  # noqa: PLC0415 # as above

    image = compose_image("kafka")
    try:
        container = DockerContainer(
            image, env=broker_variables(options), ports=[OUTSIDE_PORT], hostname=HOST
        )
        container.with_command(["sh", "-c", WAIT_AND_RUN]).start()
    except DockerException as error:
        raise NoKafka(f"Docker does not start {image}: {error}") from error
    try:
        return replace(_told_and_answering(container, image), stop=container.stop)
    except (DockerException, NoKafka, OSError) as error:
        said = _end_of_log(container)
        container.stop()
        raise NoKafka(
            f"the broker of {image} does not answer: {error}; it said:\n{said}"
        ) from error


def broker_variables(options: Mapping[str, str]) -> dict[str, str]:
    """The variables of the broker's container, all but where those outside find it.

    Beside the listener of docker-compose.yml, by which it finds itself, it gets one for us.
    """
    of_compose = compose_service("kafka")["environment"]
    changed = {
        "listeners": f"{of_compose['KAFKA_LISTENERS']},OUTSIDE://:{OUTSIDE_PORT}",
        "listener.security.protocol.map": (
            "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,OUTSIDE:PLAINTEXT"
        ),
        "inter.broker.listener.name": "PLAINTEXT",
        **options,
    }
    ours = {variable_of(setting): value for setting, value in changed.items()}
    # Set when the port is known: what is there before would be taken for it.
    kept = {name: each for name, each in of_compose.items() if name != _ADVERTISED}
    return {**kept, **ours}


def variable_of(setting: str) -> str:
    """The variable by which the image takes a setting of the broker, one without `_` and `-`."""
    return f"KAFKA_{setting.upper().replace('.', '_')}"


_ADVERTISED: Final = variable_of("advertised.listeners")


def _told_and_answering(container: Any, image: str) -> Kafka:
    """The broker, once it knows its own address and answers there."""
    outside = f"{container.get_container_host_ip()}:{container.get_exposed_port(OUTSIDE_PORT)}"
    inside = compose_service("kafka")["environment"][_ADVERTISED]
    told = container.exec(["sh", "-c", TELL, "sh", f"{inside},OUTSIDE://{outside}"])
    if told.exit_code != 0:
        raise NoKafka(f"it was not told its address: {told.output!r}")
    return kafka_at(outside, path=f"Docker {image}", patience_s=_START_S)


def _end_of_log(container: Any) -> str:
    from docker.errors import DockerException  # noqa: PLC0415 # slow

    said = ""
    with suppress(DockerException):
        said = b"".join(container.get_logs()).decode("utf-8", "replace")
    return said[-_SAID_MAX:] or "nothing"
