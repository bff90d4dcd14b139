"""A desk at which files are handed in: the real importer on a ledger in memory."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TypeVar

from api.importers import FileKind, NamedList, Report
from api.importing import Recording, carry_out, defaults_of, examine
from infra.codec import EventCodec, command_hash
from infra.ids import fresh_event, fresh_subject
from infra.memory import MemoryStore
from ledger.calendar import official_calendar
from ledger.commands import Command
from ledger.events import Event
from ledger.identifiers import Identifier, SubjectId, readings
from ledger.requests import Outcome, Request, TooContended
from ledger.service import Service
from tests.codes import synthetic_uscc
from tests.examples import TODAY

E = TypeVar("E")

Cells = Sequence[str]

PENALTY_TITLES = (
    "行政相对人名称",
    "行政相对人类别",
    "行政相对人代码_1(统一社会信用代码)",
    "行政处罚决定书文号",
    "违法行为类型",
    "违法事实",
    "处罚类别",
    "处罚内容",
    "罚款金额（万元）",
    "没收违法所得、没收非法财物的金额（万元）",
    "处罚决定日期",
    "处罚有效期",
    "公示截止期",
    "处罚机关",
)
LIST_TITLES = ("企业名称", "统一社会信用代码", "名单", "列入日期", "移出日期", "移出原因")


def code(n: int) -> str:
    """The n-th invented credit code."""
    return synthetic_uscc(n)


def penalty_row(n: int = 1, **cells: str) -> list[str]:
    """A penalty on the n-th invented enterprise; any cell is given by its title."""
    row = {
        "行政相对人名称": f"示例企业{n}有限公司",
        "行政相对人类别": "法人及非法人组织",
        "行政相对人代码_1(统一社会信用代码)": code(n),
        "行政处罚决定书文号": f"示市监罚〔2024〕{n}号",
        "违法行为类型": "商标侵权",
        "违法事实": "销售侵权商品",
        "处罚类别": "罚款",
        "处罚内容": "处以罚款",
        "罚款金额（万元）": "0.200000",
        "没收违法所得、没收非法财物的金额（万元）": "",
        "处罚决定日期": "2024-03-01",
        "处罚有效期": "2099-12-31",
        "公示截止期": "",
        "处罚机关": "示例市知识产权局",
    }
    assert cells.keys() <= row.keys(), cells.keys() - row.keys()
    return [*{**row, **cells}.values()]


def listed_row(n: int = 1, **cells: str) -> list[str]:
    """The n-th invented enterprise on a list since 2024-01-29; any cell is given by its title."""
    row = {
        "企业名称": f"示例企业{n}有限公司",
        "统一社会信用代码": code(n),
        "名单": "示例异常名单",
        "列入日期": "2024-01-29",
        "移出日期": "",
        "移出原因": "",
    }
    assert cells.keys() <= row.keys(), cells.keys() - row.keys()
    return [*{**row, **cells}.values()]


def table(*rows: Cells, delimiter: str = ",") -> str:
    """The rows as CSV."""
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter).writerows(rows)
    return text.getvalue()


def penalties(*rows: Cells) -> str:
    """A penalty file."""
    return table(PENALTY_TITLES, *rows)


def listed(*rows: Cells) -> str:
    """A list file."""
    return table(LIST_TITLES, *rows)


@dataclass
class Desk:
    """A ledger in memory, and a folder for the files and for the rows that it turns away."""

    folder: Path
    today: date = TODAY
    store: MemoryStore = field(init=False)
    service: Service = field(init=False)

    def __post_init__(self) -> None:
        self.store = MemoryStore(
            "desk", lambda _head: bytes(64), lambda: datetime(2026, 11, 24, tzinfo=UTC)
        )
        self.service = Service(
            sequencer=self.store,
            identities=self.store,
            codec=EventCodec(),
            calendar=official_calendar(),
            today=lambda: self.today,
            fresh_event=fresh_event,
            fresh_subject=fresh_subject,
        )

    @property
    def rejects(self) -> Path:
        return self.folder / "rejects.csv"

    def take(  # what a user may say with a file
        self,
        content: str | bytes | Path,
        *,
        kind: FileKind | None = None,
        named: NamedList | None = None,
        on: date | None = None,
        is_rehearsal: bool = False,
    ) -> Report:
        """Import a file, given by what stands in it or where it stands."""
        path = content if isinstance(content, Path) else self.folder / "handed-in.csv"
        if not isinstance(content, Path):
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        examined = examine(path, kind)
        record = self.service.rehearsal().record if is_rehearsal else self.service.record
        report = carry_out(
            examined,
            Recording(record=record, command_hash=command_hash, is_rehearsal=is_rehearsal),
            defaults=defaults_of(examined, today=self.today, named=named, on=on),
            rejects=None if is_rehearsal else self.rejects,
            advance=lambda _done: None,
        )
        assert report.rows == report.accepted + report.duplicates + report.rejected
        assert report.rows == examined.layout.rows
        return report

    def record(self, subject: str, *commands: Command) -> Sequence[Outcome]:
        """Record commands on a registered subject, as another way in does."""
        request = Request(
            commands=commands,
            command_hash=command_hash(subject, commands),
            subject=readings(subject),
        )
        outcomes = self.service.record([request])
        return [one for one in outcomes if not isinstance(one, TooContended)]

    def events(self) -> list[Event]:
        """Everything on record, in order."""
        codec = EventCodec()
        stored = self.store.read_positions(1, self.store.position())
        return [codec.event(one) for one in stored]

    def of(self, kind: type[E]) -> list[E]:
        """The events of one kind, in order."""
        return [event for event in self.events() if isinstance(event, kind)]

    def holder(self, identifier: Identifier) -> SubjectId | None:
        """The subject to which an identifier leads."""
        return self.store.find([identifier]).get(identifier)

    def rejected(self) -> list[list[str]]:
        """The rejects file, its titles first."""
        with self.rejects.open(encoding="utf-8-sig", newline="") as lines:
            return list(csv.reader(lines))


def codes_of(report: Report) -> list[str]:
    """The codes of all problems, in order."""
    return [problem.code for problem in report.problems]


def mended(rows: Iterable[Cells], **columns: str) -> str:
    """A rejects file in which each row got other cells, given by their titles."""
    titles, *rest = rows
    changed = [
        [columns.get(title, cell) for title, cell in zip(titles, row, strict=True)] for row in rest
    ]
    return table(titles, *changed)
