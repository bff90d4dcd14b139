"""The keys of a ledger: where the private one is kept, and the public ones of its database."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ledger.record import Head

from .connections import connect
from .creation import KeyMissing, public_keys
from .local import Home
from .settings import Settings
from .signer import Signer, Verifier

__all__ = ["Keys", "signing"]

_READ_ONLY: Final = (
    "the private key that signs this ledger's term is not in {path}: it can be read, not written; "
    "set LEDGER_SIGNING_KEY to the file that holds it"
)


@dataclass(frozen=True, slots=True)
class Keys:
    """The private key is a file of the home, or that of LEDGER_SIGNING_KEY."""

    settings: Settings
    home: Home
    database_url: str

    @classmethod
    def of(cls, settings: Settings, database_url: str) -> "Keys":
        """Those of the ledger in this database."""
        return cls(settings, Home(settings.home).make(), database_url)

    @property
    def path(self) -> Path:
        """Where the private key is, or would be."""
        return self.settings.signing_key or self.home.signing_key

    @property
    def read_only(self) -> str:
        """What is to be said where the private key is not there."""
        return _READ_ONLY.format(path=self.path)

    def load(self) -> Signer | None:
        """Who signs with the private key; null where there is none."""
        return Signer.load(self.path, self.settings.id) if self.path.exists() else None

    def of_the_ledger(self) -> Signer:
        """Whoever signs the next term; a key is made only for a ledger that is not there yet.

        Raises:
            KeyMissing: the ledger's own key is not here.
        """
        with connect(self.database_url) as connection:
            public = public_keys(connection)
        signer = self.load()
        if not public:
            return signer or Signer.create(self.path, self.settings.id)
        if signer is None or signer.public_key != public[-1].key:
            raise KeyMissing(self.read_only)
        return signer

    def verifier(self) -> Verifier:
        """The check of signatures, with the keys that there are now."""
        with connect(self.database_url) as connection:
            return Verifier(self.settings.id, public_keys(connection))


def signing(signer: Signer | None, why_not: str | None) -> Callable[[Head], bytes]:
    """The signer's signature, or a refusal to write that says why."""

    def refuse(_head: Head) -> bytes:
        raise KeyMissing(why_not)

    return signer.sign if signer is not None else refuse
