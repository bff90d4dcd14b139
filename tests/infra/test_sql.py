from pathlib import Path

import pytest

from infra.sql import queries


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "questions.sql"


def test_each_query_is_found_by_its_name_without_its_sentence(file: Path) -> None:
    file.write_text(
        "-- Questions about subjects.\n\n"
        "-- name: find_subject\n"
        "-- The subject that holds an identifier;\n"
        "-- none if nobody does.\n"
        "SELECT subject -- not its name\n"
        "  FROM ledger_identifier;\n"
        "\n"
        "-- name: count_subjects\n"
        "-- How many there are.\n"
        "SELECT count(*) FROM subject\n",
        "utf-8",
    )
    assert dict(queries(file)) == {
        "find_subject": "SELECT subject -- not its name\n  FROM ledger_identifier",
        "count_subjects": "SELECT count(*) FROM subject",
    }


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("-- name: one\nSELECT 1", "questions.sql:1: a sentence"),
        ("-- name: one\n-- One.\n", "questions.sql:1: no SQL"),
        ("-- name: one\n-- One.\n;\n", "questions.sql:1: no SQL"),
        ("\nSELECT 1\n", "questions.sql:2: SQL before"),
        (
            "-- name: one\n-- One.\nSELECT 1;\n-- name: one\n-- One.\nSELECT 1;\n",
            "questions.sql:4: the name one stands twice",
        ),
    ],
)
def test_a_file_that_breaks_the_form_is_refused_with_its_line(
    file: Path, text: str, complaint: str
) -> None:
    file.write_text(text, "utf-8")
    with pytest.raises(ValueError, match=complaint):
        queries(file)


def test_a_file_is_named_by_its_package_too() -> None:
    assert queries("infra/sequencer.sql")


def test_the_queries_of_a_file_cannot_be_changed(file: Path) -> None:
    file.write_text("-- name: one\n-- One.\nSELECT 1;\n", "utf-8")
    with pytest.raises(TypeError):
        queries(file)["one"] = "SELECT 2"  # type: ignore[index] # that is what is refused
