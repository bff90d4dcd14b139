from ipaddress import IPv4Address
from pathlib import Path

import pytest

from infra import settings
from tests.parts import REPOSITORY


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No variable of the machine that runs the test, and no `.env` of its owner."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PORT", raising=False)
    for name in settings.Settings.model_fields:
        monkeypatch.delenv(settings.variable(name), raising=False)


def test_without_settings_the_ledger_is_the_demo_in_the_current_folder() -> None:
    read = settings.read()
    assert (read.home, read.id, read.port) == (Path(".credit-ledger"), "demo", 8000)
    assert (read.database_url, read.listen, read.regime) == (None, None, None)


def test_a_variable_sets_its_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEDGER_ID", "cn-33")
    monkeypatch.setenv("LEDGER_LISTEN", "0.0.0.0")  # noqa: S104 # nothing listens here
    assert settings.read().id == "cn-33"
    assert settings.read().listen == IPv4Address("0.0.0.0")  # noqa: S104 # as above


def test_the_port_is_read_from_port_too_and_from_its_own_variable_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PORT", "0")
    assert settings.read().port == 0
    monkeypatch.setenv("LEDGER_PORT", "8001")
    assert settings.read().port == 8001


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEDGER_ID", "")
    monkeypatch.setenv("LEDGER_DATABASE_URL", "")
    assert settings.read().id == "demo"
    assert settings.read().database_url is None


def test_a_file_env_in_the_current_folder_is_read_and_the_environment_goes_before_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("LEDGER_ID=cn\nLEDGER_REGIME=cnipa-credit/measures\n", "utf-8")
    monkeypatch.setenv("LEDGER_ID", "cn-33")
    assert (settings.read().id, settings.read().regime) == ("cn-33", "cnipa-credit/measures")


@pytest.mark.parametrize("good", ["a", "0", "cn-33", "a" * 63])
def test_the_name_of_a_ledger_is_short_and_plain(
    good: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEDGER_ID", good)
    assert settings.read().id == good


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("LEDGER_ID", "-a"),
        ("LEDGER_ID", "CN"),
        ("LEDGER_ID", "a b"),
        ("LEDGER_ID", "a" * 64),
        ("LEDGER_ID", "a\n"),
        ("LEDGER_PORT", "65536"),
        ("LEDGER_PORT", "-1"),
        ("LEDGER_PORT", "http"),
        ("LEDGER_LISTEN", "everywhere"),
        ("LEDGER_REGIME", "measures"),
        ("LEDGER_DATABASE_URL", "mysql://localhost/ledger"),
    ],
)
def test_a_bad_variable_is_named(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(settings.BadSettings, match=f"^{variable}: "):
        settings.read()


def test_a_password_is_neither_shown_nor_complained_about(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEDGER_DATABASE_URL", "postgresql://ledger:geheim@localhost/ledger")
    assert "geheim" not in repr(settings.read())
    monkeypatch.setenv("LEDGER_DATABASE_URL", "mysql://ledger:geheim@localhost/ledger")
    with pytest.raises(settings.BadSettings) as refused:
        settings.read()
    assert "geheim" not in str(refused.value)


def test_env_example_is_what_the_settings_say() -> None:
    file = REPOSITORY / ".env.example"
    assert file.read_text("utf-8") == settings.env_example(), (
        "write it anew: .venv/bin/python -m infra.settings > .env.example"
    )


def test_each_default_in_env_example_is_one_that_can_be_set(tmp_path: Path) -> None:
    before = settings.read()
    lines = settings.env_example().replace("\n#LEDGER_", "\nLEDGER_")
    (tmp_path / ".env").write_text(lines, "utf-8")
    assert settings.read() == before
