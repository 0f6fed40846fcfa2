"""The envelope: opens where it belongs, and nowhere else."""

from dataclasses import replace
from uuid import UUID

import pytest

from shared.vault.envelope import Damaged, Sealed, rewrap, seal, unseal
from shared.vault.keyring import Keyring, VaultLocked, kek_id

OLD, NEW = b"o" * 32, b"n" * 32
ID, OTHER = UUID(int=1), UUID(int=2)
PLAIN = b'{"secret":"canary"}'


@pytest.fixture
def sealed() -> Sealed:
    return seal(Keyring([OLD]), ID, "hmac", PLAIN)


def test_it_opens_again_and_hides_what_is_inside(sealed: Sealed) -> None:
    assert unseal(Keyring([NEW, OLD]), ID, "hmac", sealed) == PLAIN
    assert b"canary" not in sealed.fields + sealed.wrapped_key
    assert sealed.kek_id == kek_id(OLD)


def test_each_has_a_data_key_of_its_own(sealed: Sealed) -> None:
    again = seal(Keyring([OLD]), ID, "hmac", PLAIN)
    assert again.fields != sealed.fields
    with pytest.raises(Damaged):
        unseal(Keyring([OLD]), ID, "hmac", replace(sealed, wrapped_key=again.wrapped_key))


def test_it_opens_for_no_other_credential_and_no_other_type(sealed: Sealed) -> None:
    for id, type in ((OTHER, "hmac"), (ID, "smtp")):
        with pytest.raises(Damaged):
            unseal(Keyring([OLD]), id, type, sealed)


@pytest.mark.parametrize("part", ["fields", "wrapped_key"])
@pytest.mark.parametrize("at", [0, 1, 12, 13, -1])
def test_every_changed_byte_is_noticed(sealed: Sealed, part: str, at: int) -> None:
    raw = bytearray(getattr(sealed, part))
    raw[at] ^= 1
    with pytest.raises(Damaged):
        unseal(Keyring([OLD]), ID, "hmac", replace(sealed, **{part: bytes(raw)}))


@pytest.mark.parametrize("stored", [b"", b"\x01", b"\x01" + b"x" * 20])
def test_what_is_cut_off_is_damaged(sealed: Sealed, stored: bytes) -> None:
    with pytest.raises(Damaged):
        unseal(Keyring([OLD]), ID, "hmac", replace(sealed, fields=stored))


def test_a_new_key_takes_over_without_the_fields_being_touched(sealed: Sealed) -> None:
    wrapped, id = rewrap(Keyring([NEW, OLD]), ID, sealed.wrapped_key, sealed.kek_id)
    moved = Sealed(sealed.fields, wrapped, id)
    assert unseal(Keyring([NEW]), ID, "hmac", moved) == PLAIN
    with pytest.raises(VaultLocked):
        unseal(Keyring([NEW]), ID, "hmac", sealed)
    with pytest.raises(Damaged):
        unseal(Keyring([NEW, OLD]), ID, "hmac", replace(moved, kek_id=kek_id(OLD)))
