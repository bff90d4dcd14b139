"""Ed25519 keys: the private one in a file, the public ones with the terms that they sign."""

import os
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from ledger.record import Head, signed_message

__all__ = ["PublicKey", "Signer", "Verifier"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicKey:
    """32 bytes that verify the batches of the terms `first_term` … `last_term`.

    `last_term` is null while the key is in use.
    """

    key: bytes
    first_term: int
    last_term: int | None


class Signer:
    """Signs batches with the private key of a ledger."""

    def __init__(self, key: Ed25519PrivateKey, ledger: str) -> None:
        """Sign for `ledger` with `key`."""
        self._key = key
        self._ledger = ledger

    @classmethod
    def generate(cls, ledger: str) -> "Signer":
        """A signer with a key of its own, kept nowhere."""
        return cls(Ed25519PrivateKey.generate(), ledger)

    @classmethod
    def load(cls, path: Path, ledger: str) -> "Signer":
        """The signer whose key stands in this file.

        Raises:
            FileNotFoundError: there is none.
            ValueError: what stands there is not an Ed25519 key.
        """
        key = load_pem_private_key(path.read_bytes(), password=None)
        if not isinstance(key, Ed25519PrivateKey):
            message = f"{path} holds another kind of key; an Ed25519 key in PEM is needed"
            raise ValueError(message)  # noqa: TRY004  # the content is wrong, not a type
        return cls(key, ledger)

    @classmethod
    def create(cls, path: Path, ledger: str) -> "Signer":
        """Make a key and keep it in this file, which must not exist, readable by its owner only.

        The file is there with the whole key or not at all, whenever the process dies.

        Raises:
            FileExistsError: there is one; it is left as it is.
        """
        if path.exists():
            raise FileExistsError(f"{path} holds a key already; it is not replaced")
        key = Ed25519PrivateKey.generate()
        text = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        # A file of this kind is made with mode 0600.
        descriptor, unfinished = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
        with os.fdopen(descriptor, "wb") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(unfinished).rename(path)
        return cls(key, ledger)

    @property
    def public_key(self) -> bytes:
        """The 32 bytes of the public key."""
        return self._key.public_key().public_bytes_raw()

    def secret(self, purpose: str) -> bytes:
        """32 bytes for another purpose, which tell nothing of the key; the same wherever it is."""
        derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose.encode("ascii"))
        return derived.derive(self._key.private_bytes_raw())

    def sign(self, head: Head) -> bytes:
        """64 bytes over the head that a batch makes."""
        return self._key.sign(signed_message(self._ledger, head))


class Verifier:
    """Checks signatures of a ledger's batches, each with the key of its own term and no other."""

    def __init__(self, ledger: str, keys: Iterable[PublicKey]) -> None:
        """Verify for `ledger` with these keys."""
        self._ledger = ledger
        self._keys = [
            (key.first_term, key.last_term, Ed25519PublicKey.from_public_bytes(key.key))
            for key in keys
        ]

    def __call__(self, head: Head, signature: bytes, _value: bytes) -> bool:
        """Whether the signature over this head is good."""
        message = signed_message(self._ledger, head)
        for first, last, key in self._keys:
            if first <= head.term and (last is None or head.term <= last):
                try:
                    key.verify(signature, message)
                except InvalidSignature:
                    continue
                return True
        return False
