"""The Chinese names of the kinds of administrative penalty, as files write them."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from ledger.events import PenaltyKind

__all__ = ["KindsRead", "kinds_in"]

# Source: 行政处罚法 (2021), art. 9; 专利代理条例 (2018) for what bars an agency from new business.
_NAMES: Final[Mapping[PenaltyKind, str]] = {
    PenaltyKind.WARNING: "警告 warning",
    PenaltyKind.CRITICISM: "通报批评 criticism",
    PenaltyKind.FINE: "罚款 处以罚款 处罚款 fine",
    PenaltyKind.CONFISCATION: """
        没收违法所得 没收非法所得 没收非法财物 没收 没收违法所得没收非法财物 没收违法财物
        没收违法物品 confiscation
    """,
    PenaltyKind.LICENCE_SUSPENDED: """
        暂扣许可证件 暂扣许可证 暂扣执照 暂扣营业执照 暂扣证照 暂扣许可证暂扣执照 licence-suspended
    """,
    PenaltyKind.DOWNGRADED: "降低资质等级 降低资质 downgraded",
    PenaltyKind.LICENCE_REVOKED: """
        吊销许可证件 吊销许可证 吊销执照 吊销营业执照 吊销证照 吊销执业许可证 吊销许可证吊销执照
        吊销专利代理机构执业许可证 licence-revoked
    """,
    PenaltyKind.BUSINESS_RESTRICTED: "限制开展生产经营活动 限制开展生产经营 business-restricted",
    PenaltyKind.BUSINESS_SUSPENDED: """
        责令停产停业 停产停业 责令停业 责令停产 责令停业整顿 停业整顿 business-suspended
    """,
    PenaltyKind.CLOSED: "责令关闭 closed",
    PenaltyKind.BARRED_FROM_PRACTICE: "限制从业 禁止从业 行业禁入 市场禁入 barred-from-practice",
    PenaltyKind.STOP_NEW_BUSINESS: """
        停止承接新业务 责令停止承接新的专利代理业务 停止承接新的专利代理业务
        责令暂停承接新的专利代理业务 暂停承接新的专利代理业务 暂停承接新业务 stop-new-business
    """,
    PenaltyKind.DETENTION: "行政拘留 拘留 detention",
    PenaltyKind.OTHER: "其他 其它 其他行政处罚 其他处罚 法律行政法规规定的其他行政处罚 other",
}
_KIND_OF: Final = {name: kind for kind, names in _NAMES.items() for name in names.split()}

_STEMS: Final[tuple[tuple[str, PenaltyKind], ...]] = (
    ("警告", PenaltyKind.WARNING),
    ("通报批评", PenaltyKind.CRITICISM),
    ("罚款", PenaltyKind.FINE),
    ("没收", PenaltyKind.CONFISCATION),
    ("暂扣", PenaltyKind.LICENCE_SUSPENDED),
    ("降低资质", PenaltyKind.DOWNGRADED),
    ("吊销", PenaltyKind.LICENCE_REVOKED),
    ("限制开展", PenaltyKind.BUSINESS_RESTRICTED),
    ("停产停业", PenaltyKind.BUSINESS_SUSPENDED),
    ("责令关闭", PenaltyKind.CLOSED),
    ("限制从业", PenaltyKind.BARRED_FROM_PRACTICE),
    ("承接新", PenaltyKind.STOP_NEW_BUSINESS),
    ("行政拘留", PenaltyKind.DETENTION),
)
_UNTOLD: Final = re.compile("不予|免予|免于|未|或")
"""A piece that says what was not imposed, or leaves open which: 暂扣或者吊销许可证."""

_JOINTS: Final = re.compile(r"[、,;:|+/&\\。.\s]+|(?<=[^以])(?:并处|以及|及|和|并)")


@dataclass(frozen=True, slots=True, kw_only=True)
class KindsRead:
    """The kinds in a cell, each once; `complete` if they say all that the cell said."""

    kinds: tuple[PenaltyKind, ...]
    complete: bool


@lru_cache(maxsize=4096)
def kinds_in(text: str) -> KindsRead:
    """The kinds of penalty that a cell names, several joined by 、, a comma, a semicolon or 并处.

    What it names otherwise is `other`; then the text should be kept beside the kinds.
    """
    plain = unicodedata.normalize("NFKC", text).casefold()
    pieces = [piece for piece in _JOINTS.split(plain) if piece]
    kinds: dict[PenaltyKind, None] = {}
    complete = True
    for piece in pieces:
        exact = _KIND_OF.get(piece)
        if exact is not None:
            kinds[exact] = None
            continue
        complete = False
        told = () if _UNTOLD.search(piece) else tuple(k for stem, k in _STEMS if stem in piece)
        kinds.update(dict.fromkeys(told or (PenaltyKind.OTHER,)))
    return KindsRead(kinds=tuple(kinds) or (PenaltyKind.OTHER,), complete=complete and bool(pieces))
