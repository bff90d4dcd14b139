"""Columns are found by their titles, whatever their generation, order, spacing and brackets."""

import json
from pathlib import Path

import pytest

from api.importers import FileKind, columns_of, file_kind
from api.importers.titles import _ALIASES, Field, folded_title
from tests.api.importers.desk import LIST_TITLES, PENALTY_TITLES

FIRST_GENERATION = (
    *("行政处罚决定书文号", "处罚名称", "处罚类别1", "处罚类别2", "处罚事由", "处罚依据"),
    *("行政相对人名称", "统一社会信用代码", "组织机构代码", "工商登记码", "税务登记号"),
    *("居民身份证号", "法定代表人姓名", "处罚结果", "处罚决定日期", "处罚机关", "当前状态"),
    *("地方编码", "数据更新时间戳", "备注"),
)
FIRST_GENERATION_CODES = (
    *("CF_WSH", "CF_CFMC", "CF_CFLB1", "CF_CFLB2", "CF_SY", "CF_YJ", "CF_XDR_MC", "CF_XDR_SHXYM"),
    *("CF_XDR_ZDM", "CF_XDR_GSDJ", "CF_XDR_SWDJ", "CF_XDR_SFZ", "CF_FR", "CF_JG", "CF_JDRQ"),
    *("CF_XZJG", "CF_ZT", "DFBM", "SJC", "BZ"),
)
NEVER_READ = (
    *("法定代表人", "法定代表人姓名", "法定代表人证件类型", "法定代表人证件号码", "法人姓名"),
    *("法人身份证号", "证件类型", "CF_FRDB", "CF_FR", "CF_FR_ZJLX", "CF_FR_ZJHM", "CF_XDR_ZJLX"),
)


@pytest.mark.parametrize(
    ("titles", "field"),
    [
        (
            (
                "罚款金额(万元)",
                "罚款金额（万元）",
                " 罚 款 金额 (万元)",
                "罚款金额【万元】",
                "cf_nr_fk",
            ),
            Field.FINE_WAN,
        ),
        (("罚款金额(单位：万元)", "罚款金额万元", "罚款金额（人民币万元）"), Field.FINE_WAN),
        (("罚款金额（元）", "罚款金额(单位:元)", "罚款金额(人民币元)"), Field.FINE_YUAN),
        (("罚款金额", "*罚款金额", "罚款金额（必填）"), Field.FINE_WITHOUT_UNIT),
        (
            ("行政相对人代码_1(统一社会信用代码)", "统一社会信用代码", "CF_XDR_SHXYM"),
            Field.CREDIT_CODE,
        ),
        (
            ("行政相对人代码_3(组织机构代码)", "行政相对人代码_2（组织机构代码）", "组织结构代码"),
            Field.ORGANISATION_CODE,
        ),
        (("行政相对人代码_5(居民身份证号)", "证件号码", "居民身份证号"), Field.PERSON_NUMBER),
        (("\ufeff企业名称", "企业\n名称", "COMP_NM", "name"), Field.NAME),
        (("注册号/统一社会信用代码", "注册号／统一社会信用代码"), Field.ANY_CODE),
    ],
)
def test_titles_are_compared_without_spaces_width_brackets_and_case(
    titles: tuple[str, ...], field: Field
) -> None:
    for title in titles:
        assert columns_of([title]).at == {field: (0,)}, title


@pytest.mark.parametrize("title", NEVER_READ)
def test_the_legal_representative_has_no_field_and_so_is_never_read(title: str) -> None:
    assert columns_of([title]).at == {}


@pytest.mark.parametrize(
    "titles", [PENALTY_TITLES, FIRST_GENERATION, FIRST_GENERATION_CODES, FIRST_GENERATION[::-1]]
)
def test_both_generations_of_headings_make_a_penalty_file_in_any_order(
    titles: tuple[str, ...],
) -> None:
    columns = columns_of(titles)
    assert file_kind(columns) is FileKind.PENALTIES
    for field in (Field.NAME, Field.CREDIT_CODE, Field.KINDS, Field.CONTENT, Field.AUTHORITY):
        assert field in columns, field


@pytest.mark.parametrize(
    "titles", [LIST_TITLES, ("文号", "企业名称"), ("处罚决定日期",), ("甲", "乙")]
)
def test_every_other_file_is_a_list(titles: tuple[str, ...]) -> None:
    assert file_kind(columns_of(titles)) is FileKind.LIST


def test_the_two_generations_number_the_codes_differently_and_mean_the_same() -> None:
    older, newer = columns_of(FIRST_GENERATION), columns_of(FIRST_GENERATION_CODES)
    assert older.at == newer.at


def test_no_title_names_two_fields() -> None:
    fields_of: dict[str, set[Field]] = {}
    for field, aliases in _ALIASES.items():
        for alias in aliases.split():
            fields_of.setdefault(folded_title(alias), set()).add(field)
    assert {title for title, fields in fields_of.items() if len(fields) > 1} == set()


def test_the_column_of_problems_is_no_column_of_the_file() -> None:
    columns = columns_of(["问题", "企业名称", "统一社会信用代码"])
    assert columns.titles == ("企业名称", "统一社会信用代码")
    assert columns.kept == (1, 2)


@pytest.mark.parametrize("generation", ["v2015", "v2018"])
def test_published_templates_are_known_by_codes_and_by_titles(
    shared: Path | None, generation: str
) -> None:
    if shared is None:
        pytest.skip("no folder of public samples beside the repository")
    path = shared / "data" / "templates" / "shuanggongshi_penalty_templates.json"
    fields = json.loads(path.read_text("utf-8"))[generation]["fields"]
    by_code = columns_of([code for code, _ in fields])
    by_title = columns_of([title for _, title in fields])
    assert file_kind(by_code) is FileKind.PENALTIES
    assert by_code.at == by_title.at
