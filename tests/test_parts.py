"""That a part left out is said loudly: the suite, run anew where its PostgreSQL does not answer."""

import os
import subprocess
import sys

import pytest

from tests.parts import REPOSITORY

SUITE = ("tests/infra/test_clock.py", "tests/infra/migrations/test_migrate.py")


def run_suite(**environment: str) -> subprocess.CompletedProcess[str]:
    """The end of a run of a few tests; nothing listens on port 1."""
    nowhere = {"LEDGER_TEST_PG_URL": "postgresql://ledger@127.0.0.1:1/ledger"}
    return subprocess.run(
        [sys.executable, "-m", "pytest", *SUITE],
        cwd=REPOSITORY,
        env=os.environ | nowhere | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_part_left_out_is_named_and_what_needs_it_is_skipped() -> None:
    ran = run_suite(STRICT_PARTS="0")
    assert ran.returncode == pytest.ExitCode.OK
    assert "parts: postgres: none · docker: " in ran.stdout
    assert "PART LEFT OUT: postgres" in ran.stdout
    assert "LEDGER_TEST_PG_URL is set, and nothing answers there" in ran.stdout
    assert " skipped" in ran.stdout.splitlines()[-1]


def test_under_strict_parts_a_part_left_out_fails_the_run() -> None:
    ran = run_suite(STRICT_PARTS="1")
    assert ran.returncode == pytest.ExitCode.TESTS_FAILED
    assert "PART LEFT OUT: postgres" in ran.stdout


@pytest.mark.pg
def test_the_header_names_the_path_to_each_part(pytestconfig: pytest.Config) -> None:
    from tests.conftest import pytest_report_header  # noqa: PLC0415 # not before pytest loads it

    assert pytest_report_header(pytestconfig).startswith("parts: postgres: ")
