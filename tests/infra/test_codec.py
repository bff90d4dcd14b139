"""A record is one canonical CloudEvent: the same bytes for everybody, readable by anybody."""

import json
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from hashlib import sha256
from typing import Any, Final

import pytest
import rfc8785
from cloudevents.core.formats.json import JSONFormat
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from infra import codec
from infra.codec import (
    DATA_BYTES_MAX,
    ENVELOPE_BYTES_MAX,
    EventCodec,
    UnreadableRecord,
    canonical,
    command_bytes,
    command_hash,
    decode_event,
    envelope,
    instant,
    parse_instant,
    read_envelope,
    read_fields,
)
from ledger.acceptance import RecordFields
from ledger.commands import COMMAND_NAMES, GiveRole
from ledger.edition import read_edition
from ledger.events import (
    NAME_OF,
    STORED_NAMES,
    Authority,
    Basis,
    Event,
    PenaltyImposed,
    RulebookEditionPublished,
)
from ledger.folding import fold_name
from ledger.planner import DATA_BYTES_MAX as SERVICE_DATA_BYTES_MAX
from ledger.record import GENESIS, Head
from ledger.rulebooks import shipped
from ledger.sequencing import Append, Draft, Stored
from ledger.values import EventId, Name, RegionCode, yuan
from tests.any_event import any_event, made_of
from tests.examples import determination, enterprise, listing, penalty
from tests.shared_data import shared_text
from tests.specification import given as story

CODEC: Final = EventCodec()
UUID: Final = EventId("0190a3c4-5678-7abc-8def-0123456789ab")
HASH: Final = "ab" * 32

ascii_keys = st.text(st.characters(codec="ascii"), max_size=8)
texts = st.text(st.characters(codec="utf-8"))
integers = st.integers(-(2**53) + 1, 2**53 - 1)
values = st.recursive(
    st.none() | st.booleans() | integers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ascii_keys, inner, max_size=4),
    max_leaves=12,
)


def record(event: Event, **said: Any) -> bytes:
    """The record of an event at position 2."""
    draft = Draft(
        stream="s-" + "a" * 26,
        version=1,
        type=CODEC.name(event),
        id=UUID,
        data=CODEC.data(event),
        attributes=CODEC.attributes(event),
    )
    append = Append(drafts=(draft,), key_hash=said.get("key"), command_hash=HASH, actor="local")
    return envelope(
        ledger="test",
        draft=draft,
        append=append,
        before=Head(position=1, chain=GENESIS, term=1),
        position=2,
        time="2026-11-24T01:02:03.000004Z",
    )


PENALTY: Final = story().when(penalty()).event(PenaltyImposed)


class TestCanonicalJson:
    @given(values)
    def test_it_is_what_the_judge_says(self, value: object) -> None:
        assert canonical(value) == rfc8785.dumps(value)  # type: ignore[arg-type]  # any JSON value

    def test_every_character_that_there_is_is_written_as_the_judge_does(self) -> None:
        block = 1 << 12
        for first in range(0, 0x110000, block):
            text = "".join(
                chr(point)
                for point in range(first, first + block)
                if not 0xD800 <= point <= 0xDFFF  # no characters
            )
            assert canonical(text) == rfc8785.dumps(text), hex(first)

    def test_half_a_character_is_no_text(self) -> None:
        with pytest.raises(UnicodeEncodeError):
            canonical("\ud800")

    @pytest.mark.parametrize("name", ["arrays", "french", "structures"])
    def test_the_public_vectors_come_out_as_they_should(self, name: str) -> None:
        sent, expected = (
            shared_text(f"jcs/{name}.{which}.json") for which in ("input", "canonical")
        )
        if sent:
            value = json.loads(sent, parse_float=lambda text: int(Decimal(text)))
            assert canonical(value) == rfc8785.dumps(value) == expected.encode()

    @pytest.mark.parametrize(
        ("number", "written"),
        [("10000.00", '"10000.00"'), ("-0.5", '"-0.5"'), ("0", '"0"'), ("100", '"100"')],
    )
    def test_decimals_are_strings_without_exponent(self, number: str, written: str) -> None:
        assert canonical(Decimal(number)) == written.encode()

    def test_money_and_points_are_never_written_with_an_exponent(self) -> None:
        assert canonical(yuan("1E+3")) == b'"1000.00"'


class TestEvents:
    @pytest.mark.parametrize("name", STORED_NAMES)
    @settings(max_examples=25)
    @given(data=st.data())
    def test_each_event_survives_the_codec(self, name: str, data: st.DataObject) -> None:
        event = data.draw(made_of(STORED_NAMES[name]))
        said = CODEC.data(event)
        assert said == rfc8785.dumps(json.loads(said))
        assert decode_event(name, 1, said) == event

    @given(event=any_event())
    def test_what_is_unknown_is_null_and_never_left_out(self, event: Event) -> None:
        said = json.loads(CODEC.data(event))
        assert said.keys() == {field.name for field in fields(event)}

    @pytest.mark.parametrize("name", STORED_NAMES)
    def test_each_event_is_stored_under_its_name(self, name: str) -> None:
        assert NAME_OF[STORED_NAMES[name]] == name
        assert codec.dataschema(name) == f"urn:credit-ledger:{name}:1"

    def test_an_event_is_read_back_from_its_record(self) -> None:
        stored = Stored(2, UUID, "s-" + "a" * 26, 1, "penalty-imposed", record(PENALTY))
        assert CODEC.event(stored) == PENALTY

    def test_every_shipped_edition_fits_into_a_record(self) -> None:
        assert DATA_BYTES_MAX == SERVICE_DATA_BYTES_MAX
        for text in shipped():
            read = read_edition(text)
            event = RulebookEditionPublished(
                rulebook=read.rulebook,
                edition=read.id,
                effective_on=read.from_,
                digest=read.digest,
                text=text,
            )
            assert len(CODEC.data(event)) <= DATA_BYTES_MAX
            assert decode_event("rulebook-edition-published", 1, CODEC.data(event)) == event


class TestAttributes:
    @staticmethod
    def of(event: Event) -> dict[str, str]:
        return dict(CODEC.attributes(event))

    @staticmethod
    def signed_by(authority: Authority | None) -> PenaltyImposed:
        return replace(PENALTY, basis=Basis(authority=authority))

    def test_an_authority_is_named_by_its_code(self) -> None:
        authority = Authority(name=Name("示例局"), code="11000000YY0000010", region=None)
        assert self.of(self.signed_by(authority)) == {"authority": "11000000YY0000010"}

    def test_without_a_code_by_its_folded_name(self) -> None:
        name = Name("示例市（高新区） 知识产权局")
        authority = Authority(name=name, region=RegionCode("330100"))
        assert self.of(self.signed_by(authority)) == {
            "authority": fold_name(name),
            "region": "330100",
        }

    @pytest.mark.parametrize("authority", [None, Authority()])
    def test_an_unknown_authority_is_absent(self, authority: Authority | None) -> None:
        assert self.of(self.signed_by(authority)) == {}

    def test_the_edition_is_named(self) -> None:
        made = story().when(determination()).last
        assert not isinstance(made, Exception)
        assert self.of(made[0])["rulebook"] == "cnipa-2022-8"

    def test_the_region_of_a_registered_subject_is_named(self) -> None:
        ((_, registered),) = story().events
        assert self.of(registered) == {"region": "000000"}


class TestRecords:
    @given(event=any_event(), key=st.none() | st.just(HASH))
    def test_a_record_is_canonical_and_reads_as_it_was_written(
        self, event: Event, key: str | None
    ) -> None:
        value = record(event, key=key)
        assert value == rfc8785.dumps(json.loads(value))
        read = read_envelope(value)
        assert read.event() == event
        assert (read.position, read.term, read.subjectversion) == (2, 1, 1)
        assert (read.commandhash, read.idemkeyhash) == (HASH, key)
        assert read_fields(value) == RecordFields(2, GENESIS, 1, NAME_OF[type(event)])

    @given(event=any_event())
    def test_a_foreign_reader_takes_it_for_a_cloud_event(self, event: Event) -> None:
        value = record(event, key=HASH)
        said = json.loads(value)
        read = JSONFormat().read(None, value)
        assert read.get_specversion() == "1.0"
        assert read.get_id() == UUID
        assert read.get_source() == "/ledgers/test"
        assert read.get_type() == NAME_OF[type(event)]
        assert read.get_subject() == "s-" + "a" * 26
        assert read.get_time() == datetime(2026, 11, 24, 1, 2, 3, 4, tzinfo=UTC)
        assert read.get_datacontenttype() == "application/json"
        assert read.get_dataschema() == f"urn:credit-ledger:{NAME_OF[type(event)]}:1"
        assert read.get_data() == said["data"]
        for name in ("position", "prev", "term", "subjectversion", "critical", "suite", "actor"):
            assert read.get_extension(name) == said[name]

    @given(event=any_event())
    def test_it_fits_the_public_schema(self, event: Event) -> None:
        schema = shared_text("cloudevents/cloudevents.schema.json")
        if schema:
            Draft7Validator(json.loads(schema)).validate(json.loads(record(event)))

    def test_attributes_have_the_types_of_cloud_events(self) -> None:
        said = json.loads(record(PENALTY))
        assert said["critical"] is True
        assert None not in said.values(), "what has no value is absent"
        for name in ("position", "term", "subjectversion"):
            assert type(said[name]) is int
        assert all(name.isascii() and name.isalnum() and name.islower() for name in said)

    @pytest.mark.parametrize("critical", [True, False])
    def test_an_event_that_may_be_passed_over_says_so(self, critical: bool) -> None:  # noqa: FBT001  # a case
        draft = Draft(stream="x", version=1, type="x", id=UUID, data=b"{}", critical=critical)
        append = Append(drafts=(draft,), key_hash=None, command_hash=HASH, actor="local")
        value = envelope(
            ledger="l", draft=draft, append=append, before=Head(), position=1, time="t"
        )
        assert json.loads(value)["critical"] is critical

    def test_an_envelope_takes_no_more_than_was_allowed_for_it(self) -> None:
        long = "w" * 64  # as long as a ledger's name may be
        draft = Draft(
            stream="rulebook/" + "x" * 64,
            version=2**31 - 1,
            type=max(STORED_NAMES, key=len),
            id=UUID,
            data=b"{}",
        )
        append = Append(drafts=(draft,), key_hash=HASH, command_hash=HASH, actor="x" * 256)
        before = Head(position=2**31 - 2, chain=GENESIS, term=2**31 - 1)
        value = envelope(
            ledger=long,
            draft=draft,
            append=append,
            before=before,
            position=2**31 - 1,
            time=instant(datetime(9999, 12, 31, tzinfo=UTC)),
        )
        assert len(value) <= ENVELOPE_BYTES_MAX

    @given(
        st.datetimes(
            min_value=datetime(1970, 1, 2),  # noqa: DTZ001  # zones are drawn beside it
            max_value=datetime(2100, 1, 1),  # noqa: DTZ001  # likewise
            timezones=st.integers(-12, 12).map(lambda hours: timezone(timedelta(hours=hours))),
        )
    )
    def test_instants_are_utc_with_six_digits(self, at: datetime) -> None:
        text = instant(at)
        assert len(text) == len("2026-11-24T01:02:03.000004Z")
        assert text.endswith("Z")
        assert parse_instant(text) == at


def fields_text(**said: Any) -> bytes:
    given_ = {"position": 5, "prev": HASH, "term": 1, "type": "x", **said}
    return json.dumps(given_).encode()


class TestWhatIsNoRecord:
    def test_the_bounds_are_taken_exactly(self) -> None:
        largest = 2**31 - 1
        read = read_fields(fields_text(position=largest, term=largest))
        assert read == RecordFields(largest, bytes.fromhex(HASH), largest, "x")

    @pytest.mark.parametrize(
        "value",
        [
            b"",
            b"null",
            b"[]",
            b"{",
            b"\xff\xfe",
            b'{"position":5}',
            fields_text(position=0),
            fields_text(position=-1),
            fields_text(position=2**31),
            fields_text(position=10**400),
            fields_text(position=5.5),
            fields_text(position="5"),
            fields_text(position=True),
            fields_text(term=0),
            fields_text(term=-1),
            fields_text(term=2**31),
            fields_text(term=2**64),
            fields_text(prev=""),
            fields_text(prev=HASH[:-2]),
            fields_text(prev=HASH + "ab"),
            fields_text(prev=HASH.upper()),
            fields_text(prev=" ".join(HASH[i : i + 2] for i in range(0, 64, 2))),
            fields_text(prev=HASH[:-1] + "g"),
            fields_text(prev=None),
            fields_text(type=None),
            fields_text()[:-1] + b',"data":NaN}',
            fields_text()[:-1] + b',"type":"\xff"}',
            b'{"data":' + b"[" * 200_000,
        ],
        ids=lambda value: repr(value[:24]),
    )
    def test_it_is_told_and_never_raises(self, value: bytes) -> None:
        assert read_fields(value) is None

    @given(st.binary(max_size=200))
    def test_whatever_the_bytes(self, value: bytes) -> None:
        assert read_fields(value) is None

    @pytest.mark.parametrize(
        "change",
        [
            {"position": "2"},
            {"critical": 1},
            {"data": ...},
            {"id": None},
            {"type": "\udcff"},
        ],
    )
    def test_an_envelope_that_is_none_is_unreadable(self, change: dict[str, Any]) -> None:
        said = {**json.loads(record(PENALTY)), **change}
        if said["data"] is ...:
            del said["data"]
        value = json.dumps(said, ensure_ascii=False).encode("utf-8", "surrogateescape")
        with pytest.raises(UnreadableRecord):
            read_envelope(value)

    @pytest.mark.parametrize(
        "change",
        [
            {"dataschema": "urn:credit-ledger:penalty-imposed:2"},
            {"dataschema": "urn:credit-ledger:penalty-imposed:0"},
            {"dataschema": "urn:credit-ledger:penalty-imposed:x"},
            {"dataschema": "urn:credit-ledger:conviction-recorded:1"},
            {"dataschema": ""},
            {"type": "no-such-event", "dataschema": "urn:credit-ledger:no-such-event:1"},
            {"data": []},
            {"data": {}},
            {"data": None},
        ],
    )
    def test_an_event_that_is_not_known_here_is_unreadable(self, change: dict[str, Any]) -> None:
        value = rfc8785.dumps({**json.loads(record(PENALTY)), **change})
        with pytest.raises(UnreadableRecord):
            read_envelope(value).event()

    def test_deep_nesting_is_unreadable_and_no_crash(self) -> None:
        deep = b"[" * 200_000 + b"]" * 200_000
        value = record(PENALTY)[:-1] + b',"zz":' + deep + b"}"
        with pytest.raises(UnreadableRecord):
            read_envelope(value)
        with pytest.raises(UnreadableRecord):
            decode_event("penalty-imposed", 1, b'{"zz":' + deep + b"}")


class TestOldVersions:
    """No event has an older version yet, so one is made up here."""

    @pytest.fixture
    def older(self, monkeypatch: pytest.MonkeyPatch) -> bytes:
        def raise_to_2(said: dict[str, Any]) -> dict[str, Any]:
            return {**said, "source": None, "note": said["remark"]}

        def raise_to_3(said: dict[str, Any]) -> dict[str, Any]:
            return {**said, "kinds": [said["kind"]]}

        monkeypatch.setitem(codec.MAJORS, "penalty-imposed", 3)
        monkeypatch.setitem(codec.RAISES, ("penalty-imposed", 1), raise_to_2)
        monkeypatch.setitem(codec.RAISES, ("penalty-imposed", 2), raise_to_3)
        said = json.loads(CODEC.data(replace(PENALTY, note=None)))
        said["remark"] = "备注"
        said["kind"] = "fine"
        for name in ("note", "kinds", "source"):
            del said[name]
        return rfc8785.dumps(said)

    def test_they_are_raised_step_by_step_when_they_are_read(self, older: bytes) -> None:
        event = decode_event("penalty-imposed", 1, older)
        assert event == replace(PENALTY, note="备注")  # type: ignore[arg-type]  # as text

    def test_the_present_one_is_taken_as_it_is(self, older: bytes) -> None:
        assert decode_event("penalty-imposed", 3, CODEC.data(PENALTY)) == PENALTY
        with pytest.raises(UnreadableRecord):
            decode_event("penalty-imposed", 3, older)

    @pytest.mark.usefixtures("older")
    def test_a_later_one_than_ours_is_unreadable(self) -> None:
        with pytest.raises(UnreadableRecord, match="version 4"):
            decode_event("penalty-imposed", 4, CODEC.data(PENALTY))


class TestCommandHashes:
    def test_it_is_the_hash_of_the_canonical_command(self) -> None:
        command = GiveRole(role="agent", effective_on="2024-01-01")  # type: ignore[arg-type]  # as they are sent
        asked: Any = {
            "commands": [
                {
                    "command": "give-role",
                    "with": {
                        "role": "agent",
                        "effective_on": "2024-01-01",
                        "basis": {
                            "authority": None,
                            "instrument": None,
                            "clause": None,
                            "document_number": None,
                            "evidence": [],
                        },
                    },
                }
            ],
            "subject": "s-1",
        }
        expected = sha256(rfc8785.dumps(asked)).hexdigest()
        assert command_hash("s-1", (command,)) == expected

    def test_whatever_is_asked_otherwise_has_another(self) -> None:
        hashes = {
            command_hash(None, (enterprise(),)),
            command_hash("a", (enterprise(),)),
            command_hash("a", (penalty(),)),
            command_hash("b", (penalty(),)),
            command_hash("a", (penalty(fine=yuan("10000.01")),)),
            command_hash("a", (penalty(), listing())),
            command_hash("a", (listing(), penalty())),
        }
        assert len(hashes) == 7

    @pytest.mark.parametrize("name", COMMAND_NAMES)
    @settings(max_examples=10)
    @given(data=st.data())
    def test_the_bytes_of_each_command_are_canonical(self, name: str, data: st.DataObject) -> None:
        command = data.draw(made_of(COMMAND_NAMES[name]))
        asked = command_bytes(None, (command,))
        assert asked == rfc8785.dumps(json.loads(asked))
        assert json.loads(asked)["commands"][0]["command"] == name
        assert command_hash(None, (command,)) == sha256(asked).hexdigest()
