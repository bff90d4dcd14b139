"""What every sequencer does with a batch: admit what can stand, give positions, chain and sign.

Pure but for the signature, so that the store in memory and the one in PostgreSQL cannot differ.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from ledger.identifiers import Identifier, SubjectId
from ledger.record import (
    BATCH_BYTES_MAX,
    BATCH_RECORDS_MAX,
    EVENTSOURCING_STORED,
    Head,
    chain_hash,
    leaf_hash,
)
from ledger.sequencing import (
    Append,
    Appended,
    AppendOutcome,
    CommandRecord,
    Draft,
    IdentifierHeld,
    KeyKnown,
    KeyVoided,
    VersionConflict,
)

from .codec import ENVELOPE_BYTES_MAX, envelope

__all__ = [
    "Admitted",
    "Ground",
    "Row",
    "admit",
    "build",
    "cut",
    "fits",
    "outcomes",
    "streams_left_out",
]

Sign = Callable[[Head], bytes]


@dataclass(slots=True, kw_only=True)
class Ground:
    """What a batch stands on.

    The known keys, those that are voided (with the position that says so), the streams' versions
    and who holds which identifier. `taken` are the versions, of those that the eventsourcing
    library gives, that their streams have. `left_out` are the streams of earlier appends of the
    same batch that could not stand.
    """

    voided: dict[str, int] = field(default_factory=dict)
    commands: dict[str, CommandRecord] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)
    holders: dict[Identifier, SubjectId] = field(default_factory=dict)
    taken: set[tuple[str, int]] = field(default_factory=set)
    left_out: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Admitted:
    """An append that can stand, and the positions that its records get."""

    append: Append
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Row:
    """One record, ready to be kept."""

    position: int
    event_id: str
    chain: bytes
    leaf: bytes
    term: int
    type: str
    subject: str
    version: int
    value: bytes
    signature: bytes | None


def cut(batch: Sequence[Append]) -> Iterator[Sequence[Append]]:
    """The batch in pieces of at most 1 000 records and 4 MiB; no append is ever cut in two."""
    piece: list[Append] = []
    records = size = 0
    for append in batch:
        assert fits(append), "an append is larger than a batch"
        append_size = _size_of(append)
        full = records + len(append.drafts) > BATCH_RECORDS_MAX
        if piece and (full or size + append_size > BATCH_BYTES_MAX):
            yield piece
            piece, records, size = [], 0, 0
        piece.append(append)
        records += len(append.drafts)
        size += append_size
    if piece:
        yield piece


def fits(append: Append) -> bool:
    """Whether the append is no larger than a batch may be."""
    return len(append.drafts) <= BATCH_RECORDS_MAX and _size_of(append) <= BATCH_BYTES_MAX


def _size_of(append: Append) -> int:
    return sum(map(_size, append.drafts))


def _size(draft: Draft) -> int:
    """How many bytes the record takes at most; attributes may be long when they are folded."""
    attributes = sum(len(name) + len(value.encode()) for name, value in draft.attributes)
    return len(draft.data) + attributes + ENVELOPE_BYTES_MAX


def admit(
    batch: Sequence[Append], ground: Ground, position: int
) -> tuple[list[Admitted | AppendOutcome], list[Admitted]]:
    """Check each append against the ground as it is after the earlier ones.

    Give answers, and what is admitted.

    `ground` is used up: it takes in what was admitted and notes what was left out.
    """
    answers: list[Admitted | AppendOutcome] = []
    admitted: list[Admitted] = []
    for append in batch:
        objection = _objection(append, ground)
        if objection is not None:
            ground.left_out.update(draft.stream for draft in append.drafts)
            answers.append(objection)
            continue
        one = Admitted(append, position + 1, position + len(append.drafts))
        position = one.last
        admitted.append(one)
        answers.append(one)
        _take(append, ground, one)
    return answers, admitted


def outcomes(
    answers: Sequence[Admitted | AppendOutcome], rows: Sequence[Row]
) -> list[AppendOutcome]:
    """The answers once what was admitted is on record, in these rows."""
    chains = {row.position: row.chain for row in rows}
    return [
        Appended(first=one.first, last=one.last, chain=chains[one.last])
        if isinstance(one, Admitted)
        else one
        for one in answers
    ]


def streams_left_out(batch: Sequence[Append], answers: Sequence[AppendOutcome]) -> frozenset[str]:
    """The streams of the appends that could not stand."""
    return frozenset(
        draft.stream
        for append, answer in zip(batch, answers, strict=True)
        if not isinstance(answer, Appended)
        for draft in append.drafts
    )


def _objection(append: Append, ground: Ground) -> AppendOutcome | None:
    """Why the append cannot stand, if it cannot."""
    if append.key_hash is not None:
        if append.key_hash in ground.commands:
            return KeyKnown(record=ground.commands[append.key_hash])
        if append.key_hash in ground.voided:
            return KeyVoided(position=ground.voided[append.key_hash])
    for stream in append.follows:
        if stream in ground.left_out:
            return VersionConflict(stream=stream, actual=ground.versions.get(stream, 0))
    here: dict[str, int] = {}
    given: set[tuple[str, int]] = set()
    for draft in append.drafts:
        actual = here.get(draft.stream, ground.versions.get(draft.stream, 0))
        if draft.type == EVENTSOURCING_STORED:
            version = (draft.stream, draft.version)
            is_free = version not in ground.taken and version not in given
            given.add(version)
        else:
            is_free = draft.version == actual + 1
        if not is_free:
            return VersionConflict(stream=draft.stream, actual=actual)
        here[draft.stream] = draft.version
    stream = append.drafts[-1].stream
    for identifier in append.claims:
        holder = ground.holders.get(identifier)
        if holder is not None and holder != stream:
            return IdentifierHeld(identifier=identifier, holder=holder)
    return None


def _take(append: Append, ground: Ground, admitted: Admitted) -> None:
    """Let the ground take in what was admitted."""
    if append.key_hash is not None:
        ground.commands[append.key_hash] = CommandRecord(
            command_hash=append.command_hash, first=admitted.first, last=admitted.last
        )
    for draft in append.drafts:
        ground.versions[draft.stream] = draft.version
        if draft.type == EVENTSOURCING_STORED:
            ground.taken.add((draft.stream, draft.version))
    holder = SubjectId(append.drafts[-1].stream)
    for identifier in append.claims:
        ground.holders.setdefault(identifier, holder)


def build(
    admitted: Sequence[Admitted], *, ledger: str, before: Head, time: str, sign: Sign
) -> tuple[list[Row], Head]:
    """The records of a batch, chained behind `before` and signed at its end; the head they make."""
    rows: list[Row] = []
    head = before
    last = admitted[-1].last
    for one in admitted:
        for draft in one.append.drafts:
            position = head.position + 1
            value = envelope(
                ledger=ledger,
                draft=draft,
                append=one.append,
                before=head,
                position=position,
                time=time,
            )
            leaf = leaf_hash(value)
            head = Head(position=position, chain=chain_hash(head.chain, leaf), term=head.term)
            rows.append(
                Row(
                    position=position,
                    event_id=draft.id,
                    chain=head.chain,
                    leaf=leaf,
                    term=head.term,
                    type=draft.type,
                    subject=draft.stream,
                    version=draft.version,
                    value=value,
                    signature=sign(head) if position == last else None,
                )
            )
    return rows, head
