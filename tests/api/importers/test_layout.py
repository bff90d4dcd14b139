"""How files are written: encodings, delimiters, title rows, and what is no whole table."""

import codecs
import hashlib

import pytest

from api.importers import FileRefused, examine_file, rows_of
from api.importers.sniff import CELL_MAX, COLUMNS_MAX, LINE_MAX
from tests.api.importers.desk import LIST_TITLES, code, listed, listed_row, table

ROWS = listed(listed_row(1), listed_row(2))


def read(content: bytes) -> list[tuple[int, list[str]]]:
    return list(rows_of(content, examine_file(content)))


def refused(content: str | bytes) -> FileRefused:
    with pytest.raises(FileRefused) as caught:
        examine_file(content.encode() if isinstance(content, str) else content)
    return caught.value


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "gbk"])
def test_utf_8_with_or_without_bom_and_gb18030_read_the_same(encoding: str) -> None:
    assert read(ROWS.encode(encoding)) == [(2, listed_row(1)), (3, listed_row(2))]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_delimiter_is_the_one_that_shows_the_titles(delimiter: str) -> None:
    text = table(LIST_TITLES, listed_row(名单="甲,乙;丙"), delimiter=delimiter)
    assert read(text.encode()) == [(2, listed_row(名单="甲,乙;丙"))]


def test_a_file_of_a_single_column_is_a_table() -> None:
    assert read(f"统一社会信用代码\n{code(1)}\n".encode()) == [(2, [code(1)])]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_each_way_to_end_a_line_is_read(end: str) -> None:
    assert read(ROWS.replace("\r\n", end).encode()) == [(2, listed_row(1)), (3, listed_row(2))]


def test_rows_keep_their_number_in_the_sheet_under_lines_above_the_titles() -> None:
    above = f"某市异常名单公示表,,,,,\r\n,,,,,\r\n{ROWS}"
    assert [number for number, _ in read(above.encode())] == [4, 5]
    assert examine_file(above.encode()).title_row == 3


def test_blank_rows_are_no_rows_and_still_count_as_lines_of_the_sheet() -> None:
    text = listed(listed_row(1), [], [""] * 6, ["　", " ", "\t", '=""', "", ""], listed_row(2))
    layout = examine_file(text.encode())
    assert layout.rows == 2
    assert [number for number, _ in rows_of(text.encode(), layout)] == [2, 6]


def test_a_cell_over_several_lines_is_one_row_of_the_sheet() -> None:
    rows = read(listed(listed_row(1, 移出原因="一、\n二、\n三、"), listed_row(2)).encode())
    assert [number for number, _ in rows] == [2, 3]


def test_a_file_without_any_known_title_takes_its_first_row_for_them() -> None:
    assert examine_file(b"\na,b\n1,2\n").titles == ("a", "b")


def test_a_file_of_titles_alone_has_no_rows() -> None:
    assert examine_file(listed().encode()).rows == 0


@pytest.mark.parametrize("content", ["", "\n\n", ",,\n , ,\n"])
def test_a_file_with_nothing_in_it_is_refused(content: str) -> None:
    assert refused(content).code == "empty-file"


def test_a_nul_refuses_the_file_and_says_where() -> None:
    found = refused(listed(listed_row(1), listed_row(2, 名单="名\0单")))
    assert (found.code, found.row, found.column, found.cell) == ("embedded-nul", 3, 3, "C3")


def test_bytes_that_are_neither_utf_8_nor_gb18030_refuse_the_file_and_say_where() -> None:
    text = listed(listed_row(1), listed_row(2)).encode()
    place = text.rindex("企业2".encode())
    found = refused(text[:place] + b"\xff\xff" + text[place:])
    assert (found.code, found.row, found.cell) == ("encoding", 3, "A3")


def test_gb18030_with_a_byte_that_is_none_is_refused_and_says_where() -> None:
    text = listed(listed_row(1), listed_row(2)).encode("gb18030")
    place = text.rindex(b"2024")
    found = refused(text[:place] + b"\xff" + text[place:])
    assert (found.code, found.row, found.cell) == ("encoding", 3, "D3")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le"])
def test_utf_16_is_refused(encoding: str) -> None:
    bom = codecs.BOM_UTF16_LE if encoding == "utf-16-le" else b""
    assert refused(bom + ROWS.encode(encoding)).code == "encoding"


@pytest.mark.parametrize("begins", [b"PK\x03\x04\x14\x00", b"\xd0\xcf\x11\xe0\xa1\xb1"])
def test_a_workbook_is_refused_with_what_to_do(begins: bytes) -> None:
    found = refused(begins + bytes(40))
    assert found.code == "not-csv"
    assert "save the sheet as CSV" in str(found)


@pytest.mark.parametrize(
    ("row", "cell"),
    [
        (f'示例"企业",{code(2)},"名单,2024-01-29,,', "C3"),
        (f'"示例企业,{code(2)},名单,2024-01-29,,', "A3"),
        (f'示例企业,{code(2)},名单,2024-01-29,,"原因', "F3"),
        (f'"示例"企业,{code(2)},名单,2024-01-29,,', "A3"),
        (f'示例企业,{code(2)},"名""单"x,2024-01-29,,', "C3"),
    ],
)
def test_a_quote_that_does_not_close_its_cell_refuses_the_file_and_says_where(
    row: str, cell: str
) -> None:
    text = f"{listed(listed_row(1))}{row}\r\n{table(listed_row(3), listed_row(4))}"
    found = refused(text)
    assert (found.code, found.row, found.cell) == ("unbalanced-quote", 3, cell)


def test_an_open_quote_before_a_long_rest_is_named_as_such() -> None:
    rest = table(*(listed_row(n) for n in range(5_000)))
    found = refused(f'{listed(listed_row(1))}"示例企业,{code(2)}\r\n{rest}')
    assert (found.code, found.row, found.cell) == ("unbalanced-quote", 3, "A3")


def test_a_quotation_that_swallows_rows_is_refused_though_it_closes() -> None:
    swallowed = table(listed_row(3), listed_row(4))
    text = f'{listed(listed_row(1))}示例企业,{code(2)},"名单,\r\n{swallowed}",2024-01-29,,\r\n'
    found = refused(text)
    assert (found.code, found.row, found.cell) == ("unbalanced-quote", 3, "C3")


def test_a_text_of_several_lines_with_delimiters_is_no_swallowed_row() -> None:
    text = listed(listed_row(1, 移出原因="一,二,三,四,五,六\n1,2,3,4,5,6\n完"))
    assert examine_file(text.encode()).rows == 1


def test_a_quote_inside_an_unquoted_cell_is_a_character() -> None:
    row = f'示例"甲"企业,{code(1)},5" 管,2024-01-29,,\r\n'
    assert read((listed() + row).encode())[0][1][:3] == ['示例"甲"企业', code(1), '5" 管']


@pytest.mark.parametrize(("columns", "is_read"), [(COLUMNS_MAX, True), (COLUMNS_MAX + 1, False)])
def test_a_thousand_columns_are_read_and_not_one_more(columns: int, *, is_read: bool) -> None:
    text = listed() + "," * (columns - 1) + "\r\n"
    if is_read:
        assert examine_file(text.encode()).rows == 0
    else:
        found = refused(text)
        assert (found.code, found.row, found.column) == ("too-many-columns", 2, columns)


def test_a_million_columns_refuse_the_file() -> None:
    found = refused(listed(listed_row(1)) + "," * 1_000_000)
    assert (found.code, found.row) == ("too-many-columns", 3)


@pytest.mark.parametrize("quote", ["", '"'])
@pytest.mark.parametrize(("length", "is_read"), [(CELL_MAX, True), (CELL_MAX + 1, False)])
def test_the_longest_cell_is_read_and_no_longer_one(
    length: int, quote: str, *, is_read: bool
) -> None:
    text = f"{listed(listed_row(1))}企业,{quote}{'a' * length}{quote},,,,\r\n"
    if is_read:
        assert examine_file(text.encode()).rows == 2
    else:
        found = refused(text)
        assert (found.code, found.row, found.cell) == ("cell-too-long", 3, "B3")


def test_a_cell_longer_than_any_reader_takes_is_refused_in_its_place() -> None:
    found = refused(f"{listed(listed_row(1))}企业,{'a' * 500_000},,,,\r\n")
    assert (found.code, found.row, found.cell) == ("cell-too-long", 3, "B3")


def test_a_line_without_end_is_refused_before_it_is_read_whole() -> None:
    found = refused(listed().encode() + b"a" * (LINE_MAX + 1))
    assert (found.code, found.row) == ("line-too-long", 2)


def test_the_digest_is_that_of_the_bytes() -> None:
    content = listed(listed_row(1)).encode("utf-8-sig")
    assert examine_file(content).digest == f"sha256:{hashlib.sha256(content).hexdigest()}"
