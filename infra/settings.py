"""The settings of the service, read from variables `LEDGER_…` and from a file `.env`.

Run as a program it writes the text of `.env.example`.
"""

import sys
import textwrap
from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import AliasChoices, Field, StringConstraints, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from .local.jars import KAFKA_VERSION

PREFIX: Final = "LEDGER_"
LOCAL_KAFKA: Final = "local"
"""The value of LEDGER_KAFKA that starts a broker of its own."""


class BadSettings(ValueError):
    """Variables hold what their settings cannot take; the message names each and says why."""


class Settings(BaseSettings):
    """What may be chosen from outside; the environment goes before `.env` in the current folder.

    Relative paths count from the current folder. A variable that is empty counts as not set.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=".env",
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    home: Path = Field(
        default=Path(".credit-ledger"),
        description=(
            "Folder of everything that the service keeps on disk; "
            "made with mode 0700 if it does not exist."
        ),
    )
    id: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")] = Field(
        default="demo",
        description=(
            "Name of the ledger: lower-case letters, digits and hyphens. It stands in every record."
        ),
    )
    database_url: str | None = Field(
        default=None,
        pattern=r"^postgres(ql)?://",
        repr=False,
        description=(
            "A PostgreSQL that is there already, as postgresql://user:password@host/database; "
            "without it the embedded one is started."
        ),
    )
    kafka: str | None = Field(
        default=None,
        pattern=r"^(local|[^\s,:]+:\d+(,[^\s,:]+:\d+)*)$",
        description=(
            "The Kafka that records the log: `local` starts a broker of its own from its jars, "
            "`host:port` (several with commas) names one that is there. Without it the log is the "
            "one that the home remembers, at first a table in PostgreSQL, which is for trying out."
        ),
    )
    single_broker: bool = Field(
        default=False,
        description=(
            "The Kafka is a single broker: one copy of the log, and a broker with default "
            "settings, are warned of instead of refused."
        ),
    )
    kafka_jars: Path = Field(
        default=Path(".cache") / f"kafka-{KAFKA_VERSION}",
        description="Folder into which the jars of the broker of LEDGER_KAFKA=local are fetched.",
    )
    port: int = Field(
        default=8000,
        ge=0,
        le=65535,
        validation_alias=AliasChoices("LEDGER_PORT", "PORT"),
        description=(
            "Port of the API; 0 takes a free one and prints it. "
            "PORT is read where LEDGER_PORT is not set."
        ),
    )
    listen: IPv4Address | IPv6Address | None = Field(
        default=None,
        description=(
            "Set by the image's entry point alone. Without it the service listens on loopback "
            "only, as it has no access control yet."
        ),
    )
    regime: str | None = Field(
        default=None,
        pattern=r"^[a-z0-9-]+(/[a-z0-9-]+)+$",
        description="Regime that answers where a question names none, as rulebook/regime.",
    )
    signing_key: Path | None = Field(
        default=None,
        description=(
            "File of the private key that signs the log, mode 0600, made at creation; "
            "by default signing.key in the home."
        ),
    )
    keys: Path | None = Field(
        default=None,
        description="File of the public keys with their terms; by default keys.json in the home.",
    )


class _Given(Settings):
    """Settings that somebody else has read."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003  # the library gives them all
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003  # as above
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003  # as above
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003  # as above
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)


def read(given: Mapping[str, Any] | None = None) -> Settings:
    """The settings of this environment.

    Where they are `given`, by their names, neither the environment nor a file is read.

    Raises:
        BadSettings: one line for each variable that cannot be used.
    """
    try:
        return Settings() if given is None else _Given(**given)
    except ValidationError as error:
        raise BadSettings(
            "\n".join(_complaint(each["loc"], each["msg"]) for each in error.errors())
        ) from error


def variable(name: str) -> str:
    """The variable of the environment that a setting is read from."""
    return f"{PREFIX}{name}".upper()


def env_example() -> str:
    """The text of `.env.example`: each variable with its meaning, commented out at its default."""
    return "\n".join(_example())


def _example() -> Iterator[str]:
    yield "# Settings of the service. Copy this file to .env and uncomment what you change."
    for name, field in Settings.model_fields.items():
        yield ""
        yield from textwrap.wrap(
            field.description or "", 98, initial_indent="# ", subsequent_indent="# "
        )
        yield f"#{variable(name)}={'' if field.default is None else field.default}"
    yield from (
        "",
        "# Password of the PostgreSQL in docker-compose.yml, which reads this variable alone.",
        "#LEDGER_POSTGRES_PASSWORD=ledger",
        "",
    )


def _complaint(loc: tuple[int | str, ...], reason: str) -> str:
    name = str(loc[0])
    return f"{name if name.isupper() else variable(name)}: {reason}"


if __name__ == "__main__":
    sys.stdout.write(env_example())
