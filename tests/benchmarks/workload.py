"""What is recorded: an invented history, the same on every machine and in every run.

Half of the subjects have two or three events, a few have dozens, one has a hundredth of all. Each
begins with its registration; most of the rest are penalties, some are determinations and listings,
so that every view has rows. The events of a subject lie far apart, as they do in a real year.
"""

from __future__ import annotations

import csv
import io
import json
import math
import os
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from statistics import NormalDist, median
from typing import TYPE_CHECKING, Any, Final

from tests.codes import synthetic_uscc

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = [
    "HOT",
    "Sent",
    "bodies",
    "code",
    "csv_file",
    "events_wanted",
    "history",
    "later",
    "sizes",
]

EVENTS_DEFAULT: Final = 100_000
_EVENTS_A_SUBJECT: Final = 5
_HOT_SHARE: Final = 100
"""The subject with the most events has one in so many: 1 000 of 10⁵."""
HOT: Final = 0
"""The number of the subject with the most events."""

_LATER_HOT: Final = 50

_MEDIAN_AFTER_REGISTRATION: Final = 2
_FIRST_DAY: Final = date(2022, 3, 1)
_DAYS: Final = 1_600
_LISTS: Final = ("demo-serious", "published/demo")
_ACTS: Final = ("ABNORMAL_PATENT_FILING", "BAD_FAITH_TM_FILING", "FALSE_MATERIAL")
_FINES: Final = ("warning", "fine", "confiscation", "fine", "criticism")
_FINES_ZH: Final = ("警告", "罚款", "没收违法所得", "罚款", "通报批评")


@dataclass(frozen=True, slots=True)
class Sent:
    """An event to be: the `nth` of a subject, counted from 0."""

    subject: int
    nth: int


def events_wanted() -> int:
    """How many events a run is about: `BENCH_EVENTS`, by default 10⁵."""
    return int(os.environ.get("BENCH_EVENTS", EVENTS_DEFAULT))


@cache
def sizes(events: int, hot_share: int = _HOT_SHARE) -> tuple[int, ...]:
    """How many events each subject has: a fifth as many subjects as events, the hot one first.

    It has one in `hot_share` of all; the others follow a log-normal law, of which the median and
    the mean are given.
    """
    subjects, hot = events // _EVENTS_A_SUBJECT, events // hot_share
    others = subjects - 1
    mean = (events - hot - others) / others
    sigma = math.sqrt(2 * math.log(mean / _MEDIAN_AFTER_REGISTRATION))
    law = NormalDist()
    found = [
        1 + max(1, round(_MEDIAN_AFTER_REGISTRATION * math.exp(sigma * law.inv_cdf(rank))))
        for rank in ((one + 0.5) / others for one in range(others))
    ]
    # Rounding leaves a few too many or too few: the larger half takes them, one each.
    over = sum(found) + hot - events
    for place in range(1, abs(over) + 1):
        found[-place] -= 1 if over > 0 else -1
    assert sum(found) + hot == events
    assert median(found) == 1 + _MEDIAN_AFTER_REGISTRATION
    return (hot, *found)


@cache
def history(events: int) -> tuple[Sent, ...]:
    """All events in the order in which they are sent.

    A registration comes at least a hundred places before what follows it, so that it is answered
    before 64 clients come to that.
    """
    placed = []
    for subject, count in enumerate(sizes(events)):
        # The golden ratio spreads the beginnings evenly without chance.
        shift = 0.0 if subject == HOT else (subject * 0.618_033_988_75) % 1.0
        placed += [((nth + shift) / count, subject, nth) for nth in range(count)]
    placed.sort()
    return tuple(Sent(subject, nth) for _, subject, nth in placed)


def later(events: int, first: int, behind: int) -> tuple[Sent, ...]:
    """Events that come after the history: one of fifty about the hot subject.

    They are numbered, so that none is sent twice; the numbers count as those within a subject, of
    which each is above all that the history has.
    """
    subjects = len(sizes(events))
    return tuple(
        Sent(HOT if number % _LATER_HOT == 0 else number * 7_919 % subjects, events + number)
        for number in range(first, behind)
    )


def code(subject: int) -> str:
    """The invented credit code of a subject."""
    return synthetic_uscc(subject)


def bodies(sent: Sequence[Sent]) -> Iterator[tuple[str, bytes]]:
    """Name and JSON body of the command that records each event."""
    for one in sent:
        name, body = _command(one)
        yield name, json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def _command(sent: Sent) -> tuple[str, dict[str, Any]]:
    subject, nth = code(sent.subject), sent.nth
    if nth == 0:
        return "register-subject", {"identifiers": [subject], "name": _name(sent.subject)}
    decided = _decided_on(sent).isoformat()
    basis = {"authority": {"name": _authority(sent)}, "document_number": _document(sent)}
    which = (sent.subject + nth) % 20
    if which == 0 and nth < _DAYS:
        return "decide-listing", {
            "subject": subject,
            "list": _LISTS[nth % len(_LISTS)],
            "effective_on": (_FIRST_DAY + timedelta(days=nth)).isoformat(),
            "channel": "published-list",
            "basis": basis,
        }
    if which in {1, 2}:
        return "make-determination", {
            "subject": subject,
            "rulebook": "cnipa-credit",
            "act": _ACTS[nth % len(_ACTS)],
            "decided_on": decided,
            "channel": "decided-elsewhere",
            "basis": basis,
        }
    return "impose-penalty", {
        "subject": subject,
        "kinds": [_FINES[nth % len(_FINES)]],
        "fine": f"{1_000 + sent.subject}.00",
        "decided_on": decided,
        "offence": "假冒专利",
        "facts": "当事人在其销售的商品上标注已失效的专利号",
        "basis": basis,
    }


def _name(subject: int) -> str:
    return f"示例知识产权{subject}号有限公司"


def _authority(sent: Sent) -> str:
    return f"示例{sent.subject % 11}市市场监督管理局"


def _document(sent: Sent) -> str:
    return f"示市监处罚〔{_decided_on(sent).year}〕{sent.subject}-{sent.nth}号"


def _decided_on(sent: Sent) -> date:
    return _FIRST_DAY + timedelta(days=(sent.subject * 37 + sent.nth * 211) % _DAYS)


_TITLES: Final = (
    "行政相对人名称",
    "统一社会信用代码",
    "行政处罚决定书文号",
    "违法行为类型",
    "违法事实",
    "处罚类别",
    "罚款金额（万元）",
    "处罚决定日期",
    "处罚机关",
)


def csv_file(sent: Sequence[Sent]) -> bytes:
    """The same history as a penalty file: a row for each event but the registrations.

    The first row of a subject registers it, so the events are as many.
    """
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(_TITLES)
    for one in sent:
        if one.nth == 0:
            continue
        rows.writerow(
            (
                _name(one.subject),
                code(one.subject),
                _document(one),
                "假冒专利",
                "当事人在其销售的商品上标注已失效的专利号",
                _FINES_ZH[one.nth % len(_FINES_ZH)],
                f"0.{1_000 + one.subject % 9_000}",
                _decided_on(one).isoformat(),
                _authority(one),
            )
        )
    return text.getvalue().encode("utf-8-sig")
