"""`/metrics`: what operators watch, as their tool reads it: documented, bounded, nobody in it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import REGISTRY

from api.metrics import Metrics
from infra import tally
from infra.connections import connect
from infra.rebuild import rebuild
from infra.stops import WORDS
from infra.tally import appended_by_type
from ledger.events import STORED_NAMES
from tests.api.asking import fresh_code, penalty, registration
from tests.parts import REPOSITORY
from tests.waiting import wait_until

if TYPE_CHECKING:
    from api.wiring import Parts
    from tests.api.asking import Api

pytestmark = pytest.mark.pg

_OPERATIONS = REPOSITORY / "docs" / "operations"
_PAGE = (_OPERATIONS / "metrics.md").read_text("utf-8")
_FORMAT = "text/plain; version=0.0.4; charset=utf-8"
_PREFIX = "credit_ledger_"
_SLICE = 3_000
_NOT_ALWAYS = {"not_serving", "log_end_offset", "rebuild_position"}
"""What there is only while it is so; each has a test of its own."""

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def scraped(text: str) -> Samples:
    """Every sample of a scrape by its name and its labels, read as Prometheus reads it."""
    found: Samples = {}
    for family in text_string_to_metric_families(text):
        assert family.documentation, family.name
        assert family.type in {"counter", "gauge", "histogram"}, family
        for sample in family.samples:
            key = sample.name, frozenset(sample.labels.items())
            assert key not in found, f"{key} stands twice"
            found[key] = sample.value
    return found


def scrape(api: Api) -> Samples:
    answer = api.send("GET", "/metrics")
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == _FORMAT
    return scraped(answer.text)


def value(samples: Samples, name: str, **labels: str) -> float:
    return samples[_PREFIX + name, frozenset(labels.items())]


def names_on_the_page() -> set[str]:
    return set(re.findall(r"^\| `([a-z_]+)` \|", _PAGE, re.MULTILINE))


def families(samples: Samples) -> set[str]:
    """The names of metrics; a histogram has several samples, a counter says when it began."""
    return {
        re.sub(r"(?<=_seconds)_(bucket|count|sum)$", "", name)
        for name, _ in samples
        if not name.endswith("_created")
    }


def test_positions_and_lags_are_those_of_the_ledger(api: Api) -> None:
    api.register()
    assert api.shown("/v1/lists")
    samples = scrape(api)
    for name in ("sequenced_position", "entered_position", "shown_position"):
        assert value(samples, name) == api.head, name
    assert value(samples, "events_entered_total") == api.head
    for name in ("relay_lag", "projector_lag"):
        assert value(samples, f"{name}_events") == value(samples, f"{name}_seconds") == 0
    assert value(samples, "store_up", store="postgresql") == 1
    assert value(samples, "serving") == value(samples, "generation") == value(samples, "term") == 1
    assert value(samples, "state", state="open") == 1
    assert value(samples, "state", state="stopped") == 0


def test_events_are_counted_by_type_over_the_life_of_the_ledger(api: Api, parts: Parts) -> None:
    api.record("impose-penalty", penalty(api.register()))
    with connect(parts.database.url) as connection:
        rows = connection.execute("SELECT type, count(*) FROM ledger_record GROUP BY type")
        counted: dict[str, float] = dict(rows.fetchall())
    samples = scrape(api)
    told = {
        dict(labels)["type"]: number
        for (name, labels), number in samples.items()
        if name == f"{_PREFIX}events_appended_total"
    }
    assert told == counted
    assert told["penalty-imposed"] >= 1
    # Another process has counted nothing itself, and says the same.
    other = Metrics(parts)
    [one.result() for one in parts.observer.look()]
    assert value(scraped(other.text().decode()), "events_appended_total", type="term-opened") == 1


def test_what_a_command_was_refused_for_is_counted(api: Api) -> None:
    before = scrape(api).get(
        (f"{_PREFIX}commands_refused_total", frozenset({("reason", "invalid")})), 0
    )
    assert api.command("register-subject", {"name": "x"}).status_code == 422
    assert api.command("impose-penalty", penalty(fresh_code())).status_code == 404
    assert api.send("GET", f"/v1/subjects/{fresh_code()}").status_code == 404  # no command
    samples = scrape(api)
    assert value(samples, "commands_refused_total", reason="invalid") == before + 1
    assert value(samples, "commands_refused_total", reason="unknown-subject") == 1
    assert value(samples, "request_seconds_count", kind="command", status="4xx") >= 2
    assert value(samples, "request_seconds_count", kind="read", status="4xx") >= 1


def test_no_label_has_anything_that_was_sent(api: Api) -> None:
    code = fresh_code()
    api.command("register-subject", registration(code, name="示例未知公司"))
    api.send("GET", f"/v1/subjects/{code}")
    api.send("PATCH", f"/v1/commands/{code}")
    api.send("GET", f"/{code}/示例未知公司")
    api.command(code, {})
    samples = scrape(api)
    words = {word for _, labels in samples for _, word in labels}
    known = {
        *(*STORED_NAMES, "other", *WORDS),
        *("postgresql", "kafka", "command", "read", "page", "last", "running"),
        *("open", "healing", "fenced", "stopped", "none"),
    }
    for word in words - known:
        assert re.fullmatch(r"[a-z-]+|[1-5]xx|[0-9.]+|\+Inf|CPython", word), word
    assert "示例" not in str(words)
    assert len(samples) < 400


def test_the_page_names_every_metric_and_no_other(api: Api, parts: Parts) -> None:
    api.register()
    api.command("register-subject", {"name": "x"})
    parts.count_refused("import", {"invalid-identifier": 2})
    parts.count_refused("record", {"unknown-subject": 1})
    rebuild(parts.database.url, parts.open_log, parts.verifier)
    samples = scrape(api)
    found = families(samples) | {f"{_PREFIX}{name}" for name in _NOT_ALWAYS}
    found |= {f"{_PREFIX}log_records_refused_total"}  # its own log has refused nothing
    assert found == names_on_the_page()
    assert value(samples, "import_rows_refused_total", reason="invalid-identifier") == 2
    assert value(samples, "file_commands_refused_total", reason="unknown-subject") == 1
    assert value(samples, "rebuild_events_per_second", rebuild="last") > 0
    assert value(samples, "rebuild_running") == 0
    assert value(samples, "former_generation") == value(samples, "generation") - 1


def test_every_alert_is_about_metrics_that_there_are() -> None:
    rules = yaml.safe_load((_OPERATIONS / "alerts.yml").read_text("utf-8"))["groups"][0]["rules"]
    assert len(rules) >= 5
    for rule in rules:
        named = set(re.findall(r"\b(?:credit_ledger|process)_[a-z_]+", rule["expr"]))
        assert named, rule
        plain = {re.sub(r"_bucket$", "", name) for name in named}
        assert plain <= names_on_the_page(), rule
        assert (REPOSITORY / rule["annotations"]["runbook"]).is_file(), rule


def test_every_word_for_a_stop_stands_on_the_page() -> None:
    sections = set(re.findall(r"^## (.+)$", (_OPERATIONS / "stops.md").read_text(), re.MULTILINE))
    for word in WORDS:
        assert word in sections or re.search(rf"\b{word}\b", _PAGE), word


def test_nothing_is_registered_for_the_whole_process(parts: Parts) -> None:
    before = set(REGISTRY._names_to_collectors)
    Metrics(parts)
    Metrics(parts)  # a second application has metrics of its own
    assert set(REGISTRY._names_to_collectors) == before


def test_a_projector_that_stopped_is_seen_until_it_has_come_past(api: Api, parts: Parts) -> None:
    api.register()
    api.shown("/v1/lists")
    with connect(parts.database.url) as connection:
        connection.execute(
            "INSERT INTO projection_halt SELECT live, %s, 'unknown', 'unknown', now()"
            " FROM projection_generation",
            (api.head + 1,),
        )
        assert value(scrape(api), "projector_halted_position") == api.head + 1
        api.register()
        api.shown("/v1/lists")
        assert value(scrape(api), "projector_halted_position") == 0


def test_a_ledger_that_stops_says_why(api: Api, parts: Parts) -> None:
    with connect(parts.database.url) as connection:
        connection.execute(
            "UPDATE ledger_head SET state = 'stopped',"
            " reason = 'PostgreSQL holds no record, and the topic does: run …'"
        )
        try:
            samples = scrape(api)
        finally:
            connection.execute("UPDATE ledger_head SET state = 'open', reason = NULL")
    assert value(samples, "serving") == 0
    assert value(samples, "not_serving", reason="postgres-lost") == 1
    assert value(samples, "state", state="stopped") == 1
    assert value(scrape(api), "serving") == 1


def test_what_waits_for_the_projector_is_told_in_events_and_seconds(api: Api, parts: Parts) -> None:
    api.register()
    api.shown("/v1/lists")
    with connect(parts.database.url) as connection, connection.transaction():
        # As long as its place is held the projector cannot move on.
        connection.execute("SELECT FROM projection_place FOR UPDATE")
        api.register()
        api.register()
        wait_until(lambda: value(scrape(api), "projector_lag_seconds") > 0.2, 20)
        assert value(scrape(api), "projector_lag_events") == 2
    api.shown("/v1/lists")
    assert value(scrape(api), "projector_lag_events") == 0


def test_a_rebuild_that_runs_shows_how_far_it_is(api: Api, parts: Parts) -> None:
    api.register()
    seen: list[Samples] = []
    rebuild(
        parts.database.url,
        parts.open_log,
        parts.verifier,
        lambda _here, _end: seen.append(scrape(api)),
    )
    assert value(seen[-1], "rebuild_running") == 1
    assert value(seen[-1], "rebuild_position") == api.head
    assert value(seen[-1], "rebuild_events_per_second", rebuild="running") > 0
    assert value(scrape(api), "rebuild_running") == 0


@pytest.fixture
def small_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tally, "_SLICE", _SLICE)
    monkeypatch.setattr(tally, "_WORTH", 100)


@pytest.mark.usefixtures("small_slices")
def test_only_what_was_not_counted_before_is_counted(database_url: str) -> None:
    """A log is counted once: afterwards a look reads what is behind that, and nothing else."""
    with connect(database_url) as connection:
        _fill(connection, 1, 3 * _SLICE)
        assert appended_by_type(connection) == {"a": _SLICE, "b": 2 * _SLICE}
        _fill(connection, 3 * _SLICE + 1, 3 * _SLICE + 30)
        counted = connection.execute("SELECT position FROM ledger_tallied").fetchone()
        assert counted == (3 * _SLICE,)
        assert appended_by_type(connection) == {"a": _SLICE + 10, "b": 2 * _SLICE + 20}


@pytest.mark.usefixtures("small_slices")
def test_an_old_log_is_counted_bit_by_bit_and_told_when_it_is_whole(database_url: str) -> None:
    with connect(database_url) as connection:
        _fill(connection, 1, 6 * _SLICE)
        assert appended_by_type(connection) is None
        assert appended_by_type(connection) == {"a": 2 * _SLICE, "b": 4 * _SLICE}


def test_records_that_are_set_aside_stay_counted_as_appended(database_url: str) -> None:
    with connect(database_url) as connection:
        _fill(connection, 1, 5_000)
        connection.execute("INSERT INTO ledger_topic VALUES ('t', 'x.log', now(), NULL, 'first')")
        connection.execute(
            "INSERT INTO ledger_place VALUES ('t', 2000, sha256('x'), 1, 1999, 0, now())"
        )
        counted = appended_by_type(connection)
        assert counted is not None
        assert sum(counted.values()) == 5_000
        connection.execute("SELECT ledger_set_aside(2001, now())")
        assert appended_by_type(connection) == counted


def _fill(connection: Any, first: int, last: int) -> None:
    """Rows as the sequencer makes them, with no ledger in them."""
    connection.execute("SET session_replication_role = replica")
    connection.execute(
        "INSERT INTO ledger_record (position, event_id, chain_hash, leaf_hash, term, type, subject,"
        " subject_version, bytes) SELECT n, gen_random_uuid(), sha256(n::text::bytea),"
        " sha256(n::text::bytea), 1, CASE WHEN n %% 3 = 0 THEN 'a' ELSE 'b' END, 's-' || n, 1, ''"
        " FROM generate_series(%s::int, %s::int) AS n",
        (first, last),
    )
    connection.execute("SET session_replication_role = origin")
    connection.execute(
        "INSERT INTO ledger_head VALUES ('x', %(last)s, sha256('x'), 1, now(), 'i', 's', 1, now(),"
        " 'open') ON CONFLICT (ledger) DO UPDATE SET position = %(last)s",
        {"last": last},
    )
