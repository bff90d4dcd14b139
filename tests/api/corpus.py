"""The corpus of bad input: what is sent, and which problem comes back, row by row."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ledger.rulebooks import shipped
from tests.api.asking import (
    COMMANDS,
    Api,
    fresh_key,
    listing,
    penalty,
    registration,
)
from tests.codes import synthetic_uscc

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from httpx2 import Response

SOUND: Final = synthetic_uscc(999_001)
NAME: Final = "示例知识产权服务有限公司"
UNKNOWN_EVENT: Final = "00000000-0000-7000-8000-000000000000"
DEMO: Final = next(text for text in shipped() if "demo/" in text)


@dataclass(frozen=True)
class Bad:
    """A row of the corpus: what is sent, and the problem that comes back."""

    row: int
    what: str
    send: Callable[[Api], Response]
    status: int
    code: str
    pointer: str | None = None


def _command(name: str, body: object) -> Callable[[Api], Response]:
    return lambda api: api.command(name, body)


def _register(code: str = SOUND, **fields: object) -> Callable[[Api], Response]:
    return _command("register-subject", registration(code, **fields))


def _named(name: str) -> Callable[[Api], Response]:
    return _register(name=name)


def _raw(body: bytes, headers: Mapping[str, str] | None = None) -> Callable[[Api], Response]:
    return lambda api: api.command("register-subject", body, headers)


def _of_new(
    name: str, body: Callable[..., dict[str, Any]], **fields: object
) -> Callable[[Api], Response]:
    """A command about a subject that was registered for it."""

    def send(api: Api) -> Response:
        subject = api.register()
        said = {
            key: api.tomorrow if value == "tomorrow" else value for key, value in fields.items()
        }
        return api.command(name, body(subject, **said))

    return send


def _penalty(**fields: object) -> Callable[[Api], Response]:
    return _of_new("impose-penalty", penalty, **fields)


def _assessed(points: object) -> Callable[[Api], Response]:
    """A determination with an assessment, of which the indicator leaves -30 to -5."""
    assessment = {
        "regime": "demo/enterprise/score",
        "indicator": "abnormal-filings",
        "points": points,
    }
    return _of_new(
        "make-determination",
        lambda subject, **_: {
            "subject": subject,
            "rulebook": "demo/enterprise",
            "act": "ABNORMAL_PATENT_FILING",
            "decided_on": "2024-03-01",
            "assessments": [assessment],
        },
    )


def _read(path: str) -> Callable[[Api], Response]:
    return lambda api: api.read(path)


def _about(path: str) -> Callable[[Api], Response]:
    """A question about a subject that was registered for it."""
    return lambda api: api.read(path.format(subject=api.register()))


def _keyed(key: str | None) -> Callable[[Api], Response]:
    headers = {} if key is None else {"Idempotency-Key": key}
    path = f"{COMMANDS}register-subject"
    return lambda api: api.send("POST", path, headers, json=registration(SOUND))


def _bound(version: str) -> Callable[[Api], Response]:
    def send(api: Api) -> Response:
        return api.command("impose-penalty", penalty(api.register()), {"If-Match": version})

    return send


def _edition(old: str, new: str) -> Callable[[Api], Response]:
    """The demo edition under another id, with one thing in it changed."""
    assert old in DEMO, old
    return _command("publish-edition", {"text": DEMO.replace(old, new, 1)})


def _swapped(code: str, at: int) -> str:
    return code[:at] + code[at + 1] + code[at] + code[at + 2 :]


def _other_check(code: str) -> str:
    return code[:-1] + ("0" if code[-1] != "0" else "1")


def _correction(api: Api, finding: str, subject: str | None = None) -> Response:
    body = {
        "subject": subject or api.register(),
        "finding": finding,
        "reason": "文号有误",
        "penalty": {"kinds": ["warning"], "decided_on": "2024-03-01"},
    }
    return api.command("correct-finding", body)


def _correct_anothers(api: Api) -> Response:
    shown = api.record("impose-penalty", penalty(api.register()))
    return _correction(api, shown["events"][0]["id"])


def _correct_annulled(api: Api) -> Response:
    subject = api.register()
    finding = api.record("impose-penalty", penalty(subject))["events"][0]["id"]
    annulment = {"finding": finding, "decided_on": "2024-04-01", "reason": "撤销"}
    api.record("annul-finding", {"subject": subject, **annulment})
    return _correction(api, finding, subject)


def _same_key_other_body(api: Api) -> Response:
    key = {"Idempotency-Key": fresh_key()}
    assert api.command("register-subject", registration(), key).status_code == 201
    return api.command("register-subject", registration(), key)


def _tampered(api: Api) -> Response:
    for _ in range(2):
        api.register(name="游标示例公司")
    page = api.shown("/v1/subjects?name=游标&limit=1")
    cursor = page["next"]
    other = ("A" if cursor[0] != "A" else "B") + cursor[1:]
    return api.read(f"/v1/subjects?name=游标&limit=1&after={other}")


def _ended_role(subject: str, **fields: object) -> dict[str, Any]:
    return {"subject": subject, "role": "patent-agency", **fields}


def _end_before_begin(api: Api) -> Response:
    subject = api.register()
    api.record("give-role", _ended_role(subject, effective_on="2024-01-02"))
    return api.command("end-role", _ended_role(subject, effective_on="2024-01-02"))


BODY: Final = json.dumps(registration(SOUND), ensure_ascii=False)
DIGEST: Final = "sha256:" + "0" * 64

BAD: Final = (
    Bad(
        3,
        "letter O for zero",
        _register(SOUND.replace("0", "O", 1)),
        422,
        "invalid",
        "/identifiers/0",
    ),
    Bad(
        3,
        "letter I for one",
        _register(SOUND.replace("1", "I", 1)),
        422,
        "invalid",
        "/identifiers/0",
    ),
    Bad(3, "Cyrillic Ze", _register("З" + SOUND[1:]), 422, "invalid", "/identifiers/0"),
    Bad(4, "zero width space", _register(SOUND + "\u200b"), 422, "invalid", "/identifiers/0"),
    Bad(4, "byte order mark", _register("\ufeff" + SOUND), 422, "invalid", "/identifiers/0"),
    Bad(4, "change of direction", _register(SOUND + "\u202e"), 422, "invalid", "/identifiers/0"),
    Bad(
        5, "wrong check character", _register(_other_check(SOUND)), 422, "invalid", "/identifiers/0"
    ),
    Bad(
        5,
        "two neighbours swapped",
        _register(_swapped(SOUND, 12)),
        422,
        "invalid",
        "/identifiers/0",
    ),
    Bad(
        7,
        "resident id of 30 February",
        _register("110101199902300015"),
        422,
        "invalid",
        "/identifiers/0",
    ),
    Bad(10, "private use character", _named(NAME + "\ue000"), 422, "invalid", "/name"),
    Bad(13, "a thousand marks", _named("示" + "\u0301" * 1_000), 422, "invalid", "/name"),
    Bad(13, "201 characters", _named("示" * 201), 422, "invalid", "/name"),
    Bad(14, "change of direction", _named("示例\u202e公司"), 422, "invalid", "/name"),
    Bad(14, "line break", _named("示例\n公司"), 422, "invalid", "/name"),
    Bad(14, "tab", _named("示例\t公司"), 422, "invalid", "/name"),
    Bad(
        16,
        "lone surrogate",
        _raw(BODY.replace("示", "\\ud800", 1).encode()),
        400,
        "malformed-json",
        "/name",
    ),
    Bad(17, "NUL", _raw(BODY.replace("示", "\\u0000", 1).encode()), 422, "invalid", "/name"),
    Bad(18, "invalid UTF-8", _raw(BODY.encode() + b"\xff"), 400, "malformed-json"),
    Bad(18, "UTF-16", _raw(BODY.encode("utf-16")), 400, "malformed-json"),
    Bad(18, "byte order mark", _raw(b"\xef\xbb\xbf" + BODY.encode()), 400, "malformed-json"),
    Bad(19, "GBK", _raw(BODY.encode("gbk")), 400, "malformed-json"),
    Bad(
        20,
        "a name twice",
        _raw(BODY.replace("{", '{"name": "甲",', 1).encode()),
        400,
        "malformed-json",
    ),
    Bad(21, "NaN", _raw(b'{"name": NaN}'), 400, "malformed-json"),
    Bad(21, "Infinity", _raw(b'{"name": Infinity}'), 400, "malformed-json"),
    Bad(21, "1e400", _raw(b'{"name": 1e400}'), 400, "malformed-json"),
    Bad(
        22,
        "a string for a number",
        _penalty(origin={"file": DIGEST, "row": "5"}),
        422,
        "invalid",
        "/origin/row",
    ),
    Bad(
        22,
        "1.0 for an integer",
        _penalty(origin={"file": DIGEST, "row": 1.0}),
        422,
        "invalid",
        "/origin/row",
    ),
    Bad(
        22,
        "true for 1",
        _penalty(origin={"file": DIGEST, "row": True}),
        422,
        "invalid",
        "/origin/row",
    ),
    Bad(22, "a number for an amount", _penalty(fine=30000), 422, "invalid", "/fine"),
    Bad(22, "1 for true", _of_new("decide-listing", listing, dated=1), 422, "invalid", "/dated"),
    Bad(23, "no points", _assessed("0"), 422, "invalid", "/assessments/0/points"),
    Bad(23, "minus nothing", _assessed("-0"), 422, "invalid", "/assessments/0/points"),
    Bad(23, "2^63", _assessed(str(2**63)), 422, "invalid", "/assessments/0/points"),
    Bad(23, "a number", _assessed(-10), 422, "invalid", "/assessments/0/points"),
    Bad(
        23,
        "above the range",
        _assessed("-4.999999"),
        422,
        "assessment-out-of-range",
        "/assessments/0/points",
    ),
    Bad(
        23,
        "below the range",
        _assessed("-30.000001"),
        422,
        "assessment-out-of-range",
        "/assessments/0/points",
    ),
    Bad(
        24,
        "beyond 2^53",
        _penalty(origin={"file": DIGEST, "row": 2**53 + 1}),
        422,
        "invalid",
        "/origin/row",
    ),
    Bad(25, "100 000 deep", _raw(b"[" * 100_000), 400, "too-complex"),
    Bad(25, "100 000 names", _raw(b"{" + b'"a":1,' * 100_000 + b'"b":1}'), 400, "too-complex"),
    Bad(26, "10 MB", _raw(b'{"name": "' + b"a" * 10_000_000 + b'"}'), 413, "too-large"),
    Bad(
        27,
        "gzip",
        _raw(gzip.compress(b"0" * 1_000_000), {"Content-Encoding": "gzip"}),
        415,
        "unsupported-content",
    ),
    Bad(
        29, "text", _raw(BODY.encode(), {"Content-Type": "text/plain"}), 415, "unsupported-content"
    ),
    Bad(
        29,
        "multipart",
        _raw(b"--x\r\n" * 100_000, {"Content-Type": "multipart/form-data; boundary=x"}),
        415,
        "unsupported-content",
    ),
    Bad(
        29,
        "GBK by its label",
        _raw(BODY.encode("gbk"), {"Content-Type": "application/json; charset=gbk"}),
        415,
        "unsupported-content",
    ),
    Bad(30, "tomorrow", _penalty(decided_on="tomorrow"), 422, "in-the-future", "/decided_on"),
    Bad(30, "year 9999", _penalty(decided_on="9999-12-31"), 422, "in-the-future", "/decided_on"),
    Bad(30, "1800", _penalty(decided_on="1800-01-01"), 422, "too-long-ago", "/decided_on"),
    Bad(30, "30 February", _penalty(decided_on="2026-02-30"), 422, "invalid", "/decided_on"),
    Bad(
        30, "24 o'clock", _penalty(decided_on="2024-01-01T24:00:00"), 422, "invalid", "/decided_on"
    ),
    Bad(
        30,
        "leap second",
        _penalty(decided_on="2016-12-31T23:59:60Z"),
        422,
        "invalid",
        "/decided_on",
    ),
    Bad(31, "offset", _penalty(decided_on="2024-03-01+08:00"), 422, "invalid", "/decided_on"),
    Bad(31, "instant", _penalty(acted_on="2024-03-01T00:00:00Z"), 422, "invalid", "/acted_on"),
    Bad(
        32,
        "ends on its first day",
        _end_before_begin,
        422,
        "ends-before-it-begins",
        "/effective_on",
    ),
    Bad(
        32,
        "term ends before it begins",
        _penalty(term_ends_on="2024-02-28"),
        422,
        "ends-before-it-begins",
        "/term_ends_on",
    ),
    Bad(33, "of another subject", _correct_anothers, 404, "unknown-finding", "/finding"),
    Bad(
        33,
        "not there",
        lambda api: _correction(api, UNKNOWN_EVENT),
        404,
        "unknown-finding",
        "/finding",
    ),
    Bad(33, "annulled", _correct_annulled, 409, "already-annulled"),
    Bad(38, "same key, other body", _same_key_other_body, 422, "idempotency-key-reused"),
    Bad(40, "no key", _keyed(None), 400, "idempotency-key-missing", "/Idempotency-Key"),
    Bad(40, "empty key", _keyed(""), 400, "malformed-header", "/Idempotency-Key"),
    Bad(40, "300 characters", _keyed("k" * 300), 400, "malformed-header", "/Idempotency-Key"),
    Bad(40, "control character", _keyed("a\x07b"), 400, "malformed-header", "/Idempotency-Key"),
    Bad(40, "space", _keyed("a b"), 400, "malformed-header", "/Idempotency-Key"),
    Bad(42, "stale", _bound('"v7"'), 412, "stale-version"),
    Bad(42, "malformed", _bound("v1"), 400, "malformed-header", "/If-Match"),
    Bad(42, "weak", _bound('W/"v1"'), 400, "malformed-header", "/If-Match"),
    Bad(43, "steps up", _read("/v1/rulebooks/%2e%2e/%2e%2e/etc/passwd"), 400, "malformed-path"),
    Bad(43, "encoded steps up", _read("/v1/rulebooks/%2e%2e%2fetc"), 400, "malformed-path"),
    Bad(43, "overlong slash", _read("/v1/rulebooks/..%c0%afetc"), 400, "malformed-path"),
    Bad(43, "NUL", _read("/v1/rulebooks/demo%00"), 400, "malformed-path"),
    Bad(
        43,
        "a subject up the tree",
        _read("/v1/subjects/..%2f..%2fetc%2fpasswd"),
        400,
        "malformed-path",
    ),
    Bad(43, "a list that is none", _read("/v1/lists/etc/passwd"), 404, "not-found"),
    Bad(43, "an edition that is none", _read("/v1/editions/etc/passwd"), 404, "not-found"),
    Bad(
        44,
        "SQL as a day",
        _about("/v1/subjects/{subject}/grade?as_of='; DROP TABLE--"),
        422,
        "invalid",
        "/as_of",
    ),
    Bad(
        44,
        "SQL as a position",
        _about("/v1/subjects/{subject}?known_at=1 OR 1=1"),
        422,
        "invalid",
        "/known_at",
    ),
    Bad(44, "SQL as an order", _read("/v1/lists?sort=name;--"), 422, "invalid", "/sort"),
    Bad(
        44,
        "SQL as a subject",
        _read("/v1/subjects/1 OR 1=1"),
        422,
        "invalid-identifier",
        "/subject",
    ),
    Bad(
        45,
        "10 kB to look for",
        _read("/v1/subjects?name=" + "%25" * 10_000),
        422,
        "invalid",
        "/name",
    ),
    Bad(45, "65 characters", _read("/v1/subjects?name=" + "a" * 65), 422, "invalid", "/name"),
    Bad(64, "no items", _read("/v1/measures?limit=0"), 422, "invalid", "/limit"),
    Bad(64, "less than none", _read("/v1/measures?limit=-1"), 422, "invalid", "/limit"),
    Bad(64, "too many", _read("/v1/measures?limit=1000000000"), 422, "invalid", "/limit"),
    Bad(64, "tampered cursor", _tampered, 400, "bad-cursor", "/after"),
    Bad(
        65,
        "before the ledger's time",
        _about("/v1/subjects/{subject}/grade?as_of=1949-09-30"),
        422,
        "invalid",
        "/as_of",
    ),
    Bad(
        65,
        "far ahead",
        _about("/v1/subjects/{subject}/grade?as_of=2999-01-01"),
        422,
        "invalid",
        "/as_of",
    ),
    Bad(
        65,
        "beyond the head",
        _about("/v1/subjects/{subject}?known_at=2000000000"),
        400,
        "beyond-head",
        "/known_at",
    ),
    Bad(66, "unknown parameter", _read("/v1/lists?fields=a,b,c"), 422, "invalid", "/fields"),
    Bad(
        66,
        "unknown parameter of a command",
        lambda api: api.command("register-subject", registration(SOUND), query="?force=true"),
        422,
        "invalid",
        "/force",
    ),
    Bad(
        66,
        "a parameter twice",
        _read("/v1/lists?as_of=2024-01-01&as_of=2025-01-01"),
        422,
        "invalid",
        "/as_of",
    ),
    Bad(67, "TRACE", lambda api: api.send("TRACE", "/v1/subjects"), 405, "method-not-allowed"),
    Bad(
        67,
        "PATCH",
        lambda api: api.send("PATCH", f"/v1/subjects/{SOUND}"),
        405,
        "method-not-allowed",
    ),
    Bad(
        67,
        "DELETE",
        lambda api: api.send("DELETE", f"/v1/subjects/{SOUND}/timeline"),
        405,
        "method-not-allowed",
    ),
    Bad(
        67,
        "DELETE a command",
        lambda api: api.send("DELETE", f"{COMMANDS}key"),
        405,
        "method-not-allowed",
    ),
    Bad(
        68, "no TOML", _command("publish-edition", {"text": "[[["}), 422, "edition-refused", "/text"
    ),
    Bad(
        68,
        "unknown key",
        _edition("schema = 1\n", 'schema = 1\nsurprise = "1"\n'),
        422,
        "edition-refused",
        "/text",
    ),
    Bad(
        68,
        "too long",
        _command("publish-edition", {"text": "# long\n" * 10_000}),
        422,
        "invalid",
        "/text",
    ),
    Bad(
        69,
        "bands that overlap",
        _edition('"B", from = 75', '"B", from = 95'),
        422,
        "edition-refused",
        "/text",
    ),
    Bad(
        69,
        "days uncovered by bands",
        _edition('    { grade = "D", clause = "演示 6", verified = false, source = ["X"] },\n', ""),
        422,
        "edition-refused",
        "/text",
    ),
    Bad(
        69,
        "a weight beyond 1",
        _edition(
            'title = "知识产权行为"\n',
            'title = "知识产权行为"\nweight = { factor = 1.5, verified = false, source = ["X"] }\n',
        ),
        422,
        "edition-refused",
        "/text",
    ),
    Bad(
        69,
        "a term without value",
        _edition("base = { points = 100, ", "base = { "),
        422,
        "edition-refused",
        "/text",
    ),
    Bad(
        68,
        "a number that is not finite",
        _edition("base = { points = 100", "base = { points = inf"),
        422,
        "edition-refused",
        "/text",
    ),
    Bad(
        68,
        "wrong type",
        _edition("base = { points = 100", 'base = { points = "100"'),
        422,
        "edition-refused",
        "/text",
    ),
    Bad(
        70,
        "wrong length",
        _penalty(basis={"evidence": ["sha256:abc"]}),
        422,
        "invalid",
        "/basis/evidence/0",
    ),
    Bad(
        70,
        "other algorithm",
        _penalty(basis={"evidence": ["md5:" + "0" * 32]}),
        422,
        "invalid",
        "/basis/evidence/0",
    ),
)
