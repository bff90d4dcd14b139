"""Everything that may be asked: the union of all commands, and the name of each in every way in.

A family is a module; adding one adds its file and one line in `FAMILIES` and in `Command`.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from . import commitments, findings, listings, restorations, rulebooks, subjects
from .commitments import (
    AssessCommitment,
    CloseCommitment,
    CommitmentCommand,
    MakeCommitment,
    WithdrawCommitment,
)
from .findings import (
    AnnulFinding,
    CorrectFinding,
    FindingCommand,
    ImposePenalty,
    MakeDetermination,
    RecordConviction,
    RecordPerformance,
    WaiveDetermination,
)
from .listings import (
    AnnulListing,
    DecideListing,
    DropListing,
    EndListing,
    ListingCommand,
    ProposeListing,
)
from .restorations import (
    AcceptRestoration,
    AnnulRestoration,
    GrantRestoration,
    RefuseRestoration,
    RequestRestoration,
    RestorationCommand,
)
from .rulebooks import (
    PublishEdition,
    RulebookCommand,
)
from .subjects import (
    AddIdentifier,
    EndRole,
    GiveRole,
    RegisterSubject,
    RenameSubject,
    SubjectCommand,
)

__all__ = [
    "COMMAND_NAMES",
    "FAMILIES",
    "NAME_OF",
    "AcceptRestoration",
    "AddIdentifier",
    "AnnulFinding",
    "AnnulListing",
    "AnnulRestoration",
    "AssessCommitment",
    "CloseCommitment",
    "Command",
    "CommitmentCommand",
    "CorrectFinding",
    "DecideListing",
    "DropListing",
    "EndListing",
    "EndRole",
    "FindingCommand",
    "GiveRole",
    "GrantRestoration",
    "ImposePenalty",
    "ListingCommand",
    "MakeCommitment",
    "MakeDetermination",
    "ProposeListing",
    "PublishEdition",
    "RecordConviction",
    "RecordPerformance",
    "RefuseRestoration",
    "RegisterSubject",
    "RenameSubject",
    "RequestRestoration",
    "RestorationCommand",
    "RulebookCommand",
    "SubjectCommand",
    "WaiveDetermination",
    "WithdrawCommitment",
]

FAMILIES: Final = (subjects, findings, commitments, restorations, listings, rulebooks)

Command = (
    SubjectCommand
    | FindingCommand
    | CommitmentCommand
    | RestorationCommand
    | ListingCommand
    | RulebookCommand
)

COMMAND_NAMES: Final[Mapping[str, type[Command]]] = MappingProxyType(
    {name: command for family in FAMILIES for name, command in family.NAMES.items()}
)
"""Name -> command, as the API, the command line and JSON Lines files say it."""

NAME_OF: Final[Mapping[type[Command], str]] = MappingProxyType(
    {command: name for name, command in COMMAND_NAMES.items()}
)
