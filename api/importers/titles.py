"""Columns are found by their titles, whatever their order, generation, spacing or brackets."""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum, auto
from types import MappingProxyType
from typing import Final

__all__ = [
    "CODE_FIELDS",
    "PROBLEM_TITLE",
    "Columns",
    "Field",
    "columns_of",
    "folded_title",
    "known_titles",
]

PROBLEM_TITLE: Final = "问题"
"""The column that a rejects file has besides those of its original."""


class Field(StrEnum):
    """What a column is about."""

    NAME = auto()
    CATEGORY = auto()
    CREDIT_CODE = auto()
    ORGANISATION_CODE = auto()
    REGISTRATION_NUMBER = auto()
    AGENCY_CODE = auto()
    ANY_CODE = auto()
    PERSON_NUMBER = auto()

    DOCUMENT_NUMBER = auto()
    DECIDED_ON = auto()
    EFFECTIVE_ON = auto()
    ACTED_ON = auto()
    PUBLISHED_ON = auto()
    SERVED_ON = auto()
    VALID_UNTIL = auto()
    PUBLIC_UNTIL = auto()
    KINDS = auto()
    OFFENCE = auto()
    CASE_NAME = auto()
    FACTS = auto()
    LEGAL_BASIS = auto()
    CONTENT = auto()
    FINE_WAN = auto()
    FINE_YUAN = auto()
    FINE_WITHOUT_UNIT = auto()
    CONFISCATED_WAN = auto()
    CONFISCATED_YUAN = auto()
    CONFISCATED_WITHOUT_UNIT = auto()
    GOODS_WAN = auto()
    GOODS_YUAN = auto()
    GOODS_WITHOUT_UNIT = auto()
    LICENCE = auto()
    AUTHORITY = auto()
    AUTHORITY_CODE = auto()
    REGION = auto()
    SOURCE = auto()
    NOTE = auto()
    STATUS = auto()

    LIST = auto()
    PUT_ON = auto()
    PUT_REASON = auto()
    PUT_AUTHORITY = auto()
    PUT_DOCUMENT = auto()
    TERM_ENDS_ON = auto()
    REMOVED_ON = auto()
    REMOVAL_REASON = auto()
    REMOVAL_AUTHORITY = auto()

    PROBLEM = auto()


CODE_FIELDS: Final = (
    Field.CREDIT_CODE,
    Field.ORGANISATION_CODE,
    Field.REGISTRATION_NUMBER,
    Field.AGENCY_CODE,
    Field.ANY_CODE,
)
"""The columns in which an identifier of the subject may stand."""

# The field codes are those of the double-publicity templates of 2015 and 2018. The names and
# numbers of legal representatives have no entry: what has no field is never read.
_ALIASES: Final[Mapping[Field, str]] = {
    Field.NAME: """
        CF_XDR_MC 行政相对人名称 行政相对人 行政相对人名称(姓名) 企业名称 单位名称 主体名称
        公司名称 机构名称 当事人 当事人名称 被处罚人 被处罚单位 被处罚人名称 被处罚单位名称 名称
        失信主体名称 失信企业名称 市场主体名称 代理机构名称 专利代理机构名称 被执行人名称
        被执行人姓名/名称 被执行人姓名或名称 失信被执行人名称 纳税人名称 taxer_nm comp_nm comp_name
        com_nm company_name subject_name name
    """,
    Field.CATEGORY: """
        CF_XDR_LB 行政相对人类别 行政相对人类型 相对人类别 当事人类型 当事人类别 主体类别 主体类型
        被执行人性质 subject_kind
    """,
    Field.CREDIT_CODE: """
        CF_XDR_SHXYM 统一社会信用代码 统一信用代码 社会信用代码 统一社会信用码 信用代码
        统一社会信用代码(18位) uni_social_crd_cd uscc credit_code
    """,
    Field.ORGANISATION_CODE: """
        CF_XDR_ZZJG CF_XDR_ZDM 组织机构代码 组织结构代码 组织机构代码证号 组织机构代码证 机构代码证
        org_no organisation_code organization_code
    """,
    Field.REGISTRATION_NUMBER: """
        CF_XDR_GSZC CF_XDR_GSDJ 工商注册号 工商登记码 工商登记号 工商登记注册号 注册号
        营业执照注册号 营业执照号 营业执照号码 企业注册号 reg_no biz_licn_reg_no
        registration_number
    """,
    Field.AGENCY_CODE: """
        代理机构代码 专利代理机构代码 商标代理机构代码 专利代理机构注册号 agency_code
    """,
    Field.ANY_CODE: """
        注册号/统一社会信用代码 统一社会信用代码/注册号 统一社会信用代码(注册号)
        统一社会信用代码或注册号 统一社会信用代码/组织机构代码 组织机构代码/统一社会信用代码
        统一社会信用代码(组织机构代码) 身份证号码/组织机构代码 身份证号/组织机构代码
        组织机构代码/身份证号码 统一社会信用代码/身份证号码 统一社会信用代码/身份证号
        身份证号/统一社会信用代码 身份证号码/统一社会信用代码 行政相对人代码 当事人证件号码
        主体代码 code
    """,
    Field.PERSON_NUMBER: """
        CF_XDR_SFZ CF_XDR_ZJHM 居民身份证号 居民身份证号码 身份证号 身份证号码 自然人证件号码
        自然人身份证号 公民身份号码 证件号码 identi_id
    """,
    Field.DOCUMENT_NUMBER: """
        CF_WSH 行政处罚决定书文号 行政处罚决定书号 行政处罚文号 处罚决定书文号 处罚决定书号
        处罚决定文书号 处罚文号 决定书文号 决定文书号 文书号 文号 admin_punish_doc
        punish_document_code document_no document_number doc_no
    """,
    Field.DECIDED_ON: """
        CF_JDRQ 处罚决定日期 行政处罚决定日期 处罚决定书签发日期 处罚决定时间 处罚日期 处罚时间
        作出处罚决定日期 作出行政处罚决定日期 作出决定日期 决定日期 punish_decide_tm punish_dt
        decision_date decided_on
    """,
    Field.EFFECTIVE_ON: "处罚生效日期 生效日期 effective_on effective_date",
    Field.ACTED_ON: "违法行为发生日期 违法日期 违法时间 acted_on",
    Field.PUBLISHED_ON: """
        公示日期 公示时间 发布日期 发布时间 公布日期 公布时间 公开日期 public_date publish_dt
        published_on
    """,
    Field.SERVED_ON: "送达日期 送达时间 served_on",
    Field.VALID_UNTIL: """
        CF_YXQ CF_JZQ 处罚有效期 处罚有效期至 处罚截止期 punish_valid_dt valid_until
    """,
    Field.PUBLIC_UNTIL: """
        CF_GSJZQ 公示截止期 公示截止日期 公示期限 公示期截止日期 public_deadline public_end_date
        public_until
    """,
    Field.KINDS: """
        CF_CFLB CF_CFLB1 CF_CFLB2 处罚类别 处罚类别1 处罚类别2 处罚种类 处罚种类1 处罚种类2
        处罚类型 处罚决定种类 行政处罚种类 行政处罚类别 punish_type penalty_kinds
    """,
    Field.OFFENCE: """
        CF_WFXW 违法行为类型 违法类型 违法行为 违法行为名称 案由 type_or_fact offence
    """,
    Field.CASE_NAME: "CF_CFMC CF_AJMC 处罚名称 案件名称 处罚行为名称 case_name",
    Field.FACTS: "CF_SY 违法事实 处罚事由 处罚原因 主要违法事实 违法违规事实 punish_rea facts",
    Field.LEGAL_BASIS: """
        CF_YJ 处罚依据 行政处罚依据 处罚依据法规 law_basis punish_basis legal_basis
    """,
    Field.CONTENT: """
        CF_NR CF_JG 处罚内容 行政处罚内容 处罚结果 处罚决定内容 行政处罚结果 punish_content
        punish_result content
    """,
    Field.FINE_WAN: "CF_NR_FK 罚款金额(万元) 罚款(万元) 处罚金额(万元) 罚款数额(万元)",
    Field.FINE_YUAN: "罚款金额(元) 罚款(元) 处罚金额(元) 罚款数额(元)",
    Field.FINE_WITHOUT_UNIT: "罚款金额 罚款 处罚金额 罚款数额 punish_money",
    Field.CONFISCATED_WAN: """
        CF_NR_WFFF 没收违法所得、没收非法财物的金额(万元) 没收违法所得没收非法财物的金额(万元)
        没收违法所得,没收非法财物的金额(万元) 没收违法所得、没收非法财物金额(万元) 没收金额(万元)
        没收违法所得(万元) 没收违法所得金额(万元)
    """,
    Field.CONFISCATED_YUAN: """
        没收违法所得、没收非法财物的金额(元) 没收金额(元) 没收违法所得(元) 没收违法所得金额(元)
    """,
    Field.CONFISCATED_WITHOUT_UNIT: """
        没收违法所得、没收非法财物的金额 没收金额 没收违法所得 没收违法所得金额 illegality_money
    """,
    Field.GOODS_WAN: "没收非法财物(万元) 没收非法财物金额(万元) 没收非法财物价值(万元)",
    Field.GOODS_YUAN: "没收非法财物(元) 没收非法财物金额(元) 没收非法财物价值(元)",
    Field.GOODS_WITHOUT_UNIT: "没收非法财物金额 没收非法财物价值",
    Field.LICENCE: """
        CF_NR_ZKDX 暂扣或吊销证照名称及编号 暂扣或吊销证照名称 暂扣或者吊销证照名称及编号 licence
    """,
    Field.AUTHORITY: """
        CF_CFJG CF_XZJG 处罚机关 处罚决定机关 行政处罚机关 作出处罚决定机关 作出行政处罚决定机关
        作出行政处罚决定机关名称 处罚单位 处罚部门 决定机关 执法机关 authority
    """,
    Field.AUTHORITY_CODE: """
        CF_CFJGDM 处罚机关统一社会信用代码 处罚机关代码 处罚机关信用代码 authority_code
    """,
    Field.REGION: "DFBM 地方编码 行政区划编码 行政区划代码 admini_division_code region",
    Field.SOURCE: "CF_SJLY 数据来源单位 数据来源 数据来源部门 source",
    Field.NOTE: "BZ 备注 备注信息 note",
    Field.STATUS: "CF_ZT 当前状态 处罚状态 状态",
    Field.LIST: """
        名单 名单名称 名单类型 名单类别 名录 名录名称 所属名单 列入名单 列入名单名称 列入名录
        列入名录名称 黑名单 黑名单名称 黑名单类型 失信名单 失信名单名称 失信领域 list list_name
    """,
    Field.PUT_ON: """
        列入日期 列入时间 列入名单日期 列入名录日期 列入异常名录日期 列入经营异常名录日期
        列入严重违法失信企业名单日期 列入决定日期 纳入日期 纳入时间 认定日期 认定时间 inclu_dt
        abn_tm put_date put_on
    """,
    Field.PUT_REASON: """
        列入原因 列入事由 列入理由 列入经营异常名录原因 列入严重违法失信企业名单原因
        列入严重违法失信名单原因 列入名单原因 纳入原因 失信行为 失信事实 失信原因 失信行为具体情形
        失信被执行人行为情况 认定原因 inclu_reason serill_rea put_reason reason
    """,
    Field.PUT_AUTHORITY: """
        列入机关 列入决定机关 列入部门 作出决定机关(列入) 作出列入决定机关 认定机关 认定部门
        认定单位 列入单位 执行法院 decorg_cn decorg_org put_department
    """,
    Field.PUT_DOCUMENT: """
        列入决定书文号 列入文号 列入决定文号 认定文号 认定文书号 案号 case_no
    """,
    Field.TERM_ENDS_ON: """
        列入截止日期 列入期限至 名单截止日期 名单有效期至 惩戒截止日期 管理期限截止日期
        term_ends_on
    """,
    Field.REMOVED_ON: """
        移出日期 移出时间 移除日期 移除时间 退出日期 退出时间 移出名单日期 移出经营异常名录日期
        移出严重违法失信企业名单日期 remove_dt rem_dt remove_date removed_on
    """,
    Field.REMOVAL_REASON: """
        移出原因 移除原因 退出原因 移出经营异常名录原因 移出严重违法失信企业名单原因 remexcpres_cn
        rem_excpres_rea remove_reason
    """,
    Field.REMOVAL_AUTHORITY: """
        移出机关 移出决定机关 移出部门 作出决定机关(移出) 作出移出决定机关 redecorg_cn recorg_ogr
        remove_department
    """,
    Field.PROBLEM: PROBLEM_TITLE,
}

_BRACKETS: Final = str.maketrans("[{【〔〖", "(((((") | str.maketrans("]}】〕〗", ")))))")
_OPTIONAL: Final = re.compile(r"\((?:必填|选填|必填项|选填项)\)$")
_UNIT: Final = re.compile(r"\(?(?:单位:?)?(?:人民币)?(万元|元)\)?$")
"""`罚款金额(单位:万元)`, `罚款金额(人民币元)`, `罚款金额万元`: all name the unit of the column."""
_NUMBERED_CODE: Final = re.compile(r"行政相对人代码[_-]?[0-9]?\((.+)\)")
"""`行政相对人代码_3(组织机构代码)`: the generations number these otherwise; the brackets tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Where each field stands in the rows of a file; `titles` are as sent, without `问题`."""

    titles: tuple[str, ...]
    all_titles: tuple[str, ...]
    at: Mapping[Field, tuple[int, ...]]
    kept: tuple[int, ...] | None
    """The columns besides `问题`; None where the file has no such column."""

    def __contains__(self, field: Field) -> bool:
        """Whether the file has a column of the field."""
        return field in self.at

    def first(self, *fields: Field) -> int | None:
        """The first column of the first of the fields that the file has."""
        return next((self.at[field][0] for field in fields if field in self.at), None)


def folded_title(title: str) -> str:
    """The key under which titles are compared: without spaces, case and the shape of brackets."""
    folded = unicodedata.normalize("NFKC", title).translate(_BRACKETS).casefold()
    bare = "".join(
        character
        for character in folded
        if not character.isspace() and unicodedata.category(character) != "Cf"
    ).strip("*:")
    bare = _UNIT.sub(r"(\1)", _OPTIONAL.sub("", bare))
    inner = _NUMBERED_CODE.fullmatch(bare)
    return inner.group(1) if inner else bare


def known_titles(cells: Iterable[str]) -> int:
    """How many of the cells are titles of which the meaning is known."""
    return sum(folded_title(cell) in _FIELD_OF for cell in cells)


def columns_of(cells: Sequence[str]) -> Columns:
    """What the columns under these titles are about."""
    at: dict[Field, list[int]] = {}
    for index, title in enumerate(cells):
        field = _FIELD_OF.get(folded_title(title))
        if field is not None:
            at.setdefault(field, []).append(index)
    apart = set(at.get(Field.PROBLEM, ()))
    kept = tuple(index for index in range(len(cells)) if index not in apart)
    return Columns(
        titles=tuple(cells[index] for index in kept),
        all_titles=tuple(cells),
        at=MappingProxyType({field: tuple(indices) for field, indices in at.items()}),
        kept=kept if apart else None,
    )


_FIELD_OF: Final[Mapping[str, Field]] = {
    folded_title(alias): field for field, aliases in _ALIASES.items() for alias in aliases.split()
}
