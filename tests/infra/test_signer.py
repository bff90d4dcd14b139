"""Keys are kept where only their owner reads them, and sign one ledger's heads."""

import os
import stat
from pathlib import Path
from typing import Final

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from infra.signer import PublicKey, Signer, Verifier
from ledger.record import Head
from tests.check_ledger import signed_bytes

HEAD: Final = Head(position=7, chain=b"\x01" * 32, term=2)


def key(signer: Signer, first: int = 1, last: int | None = None) -> PublicKey:
    return PublicKey(key=signer.public_key, first_term=first, last_term=last)


class TestKeyFile:
    def test_it_is_read_by_its_owner_alone(self, tmp_path: Path) -> None:
        before = os.umask(0)
        try:
            Signer.create(tmp_path / "signing.key", "test")
        finally:
            os.umask(before)
        assert stat.S_IMODE((tmp_path / "signing.key").stat().st_mode) == 0o600

    def test_it_holds_the_key(self, tmp_path: Path) -> None:
        made = Signer.create(tmp_path / "signing.key", "test")
        read = Signer.load(tmp_path / "signing.key", "test")
        assert read.public_key == made.public_key
        assert read.sign(HEAD) == made.sign(HEAD)
        assert len(made.public_key) == 32

    def test_no_key_is_ever_replaced(self, tmp_path: Path) -> None:
        made = Signer.create(tmp_path / "signing.key", "test")
        with pytest.raises(FileExistsError):
            Signer.create(tmp_path / "signing.key", "test")
        assert Signer.load(tmp_path / "signing.key", "test").public_key == made.public_key

    def test_nothing_else_is_left_beside_it(self, tmp_path: Path) -> None:
        Signer.create(tmp_path / "signing.key", "test")
        assert [one.name for one in tmp_path.iterdir()] == ["signing.key"]

    def test_a_process_that_dies_in_the_middle_leaves_no_half_of_one(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def die(_: int) -> None:
            raise OSError("power cut")

        with monkeypatch.context() as patched:
            patched.setattr(os, "fsync", die)
            with pytest.raises(OSError, match="power cut"):
                Signer.create(tmp_path / "signing.key", "test")
        assert not (tmp_path / "signing.key").exists()
        Signer.create(tmp_path / "signing.key", "test")

    def test_another_kind_of_key_is_told(self, tmp_path: Path) -> None:
        other = generate_private_key(SECP256R1())
        text = other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (tmp_path / "signing.key").write_bytes(text)
        with pytest.raises(ValueError, match="Ed25519"):
            Signer.load(tmp_path / "signing.key", "test")

    @pytest.mark.parametrize("text", [b"", b"not a key"])
    def test_what_is_no_key_is_told(self, tmp_path: Path, text: bytes) -> None:
        (tmp_path / "signing.key").write_bytes(text)
        with pytest.raises(ValueError, match=r".+"):
            Signer.load(tmp_path / "signing.key", "test")

    def test_a_key_that_is_not_there_is_told(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError):
            Signer.load(tmp_path / "signing.key", "test")


class TestSignatures:
    def test_it_signs_the_message_of_the_protocol(self) -> None:
        signer = Signer.generate("cn-33")
        signature = signer.sign(HEAD)
        assert len(signature) == 64
        public = Ed25519PublicKey.from_public_bytes(signer.public_key)
        public.verify(signature, signed_bytes("cn-33", 2, 7, b"\x01" * 32))

    def test_a_good_signature_is_told_from_a_bad_one(self) -> None:
        signer = Signer.generate("test")
        verify = Verifier("test", [key(signer)])
        signature = signer.sign(HEAD)
        assert verify(HEAD, signature, b"")
        assert not verify(Head(position=8, chain=HEAD.chain, term=2), signature, b"")
        assert not verify(Head(position=7, chain=HEAD.chain, term=1), signature, b"")
        assert not verify(Head(position=7, chain=b"\x02" * 32, term=2), signature, b"")
        assert not verify(HEAD, signature[:-1], b"")
        assert not verify(HEAD, signature + b"\x00", b"")
        assert not verify(HEAD, b"", b"")
        assert not Verifier("other", [key(signer)])(HEAD, signature, b"")

    @pytest.mark.parametrize(
        ("first", "last", "is_good"),
        [
            (1, None, True),
            (2, None, True),
            (2, 2, True),
            (1, 2, True),
            (3, None, False),
            (1, 1, False),
        ],
    )
    def test_a_term_is_checked_with_the_key_of_that_term_and_no_other(
        self,
        first: int,
        last: int | None,
        is_good: bool,  # noqa: FBT001  # a case
    ) -> None:
        signer = Signer.generate("test")
        verify = Verifier("test", [key(signer, first, last)])
        assert verify(HEAD, signer.sign(HEAD), b"") is is_good

    def test_of_two_keys_of_one_term_either_will_do(self) -> None:
        first, second = Signer.generate("test"), Signer.generate("test")
        verify = Verifier("test", [key(first), key(second)])
        assert verify(HEAD, first.sign(HEAD), b"")
        assert verify(HEAD, second.sign(HEAD), b"")

    def test_without_a_key_nothing_is_good(self) -> None:
        assert not Verifier("test", [])(HEAD, Signer.generate("test").sign(HEAD), b"")


class TestSecrets:
    def test_a_purpose_has_a_secret_of_its_own_wherever_the_key_is(self, tmp_path: Path) -> None:
        made = Signer.create(tmp_path / "signing.key", "test")
        read = Signer.load(tmp_path / "signing.key", "other")
        assert made.secret("cursors") == read.secret("cursors")
        assert len({made.secret("cursors"), made.secret("others"), made.public_key}) == 3

    def test_it_is_no_key_of_this_ledger(self) -> None:
        signer = Signer.generate("test")
        public = Ed25519PublicKey.from_public_bytes(signer.public_key)
        with pytest.raises(InvalidSignature):
            public.verify(signer.secret("cursors") * 2, b"")
