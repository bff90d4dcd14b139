"""The one loader of SQL: a `.sql` file holds queries, each under its name and a sentence.

    -- name: find_subject
    -- The subject that holds this identifier.
    SELECT subject FROM ledger_identifier WHERE kind = %(kind)s AND value = %(value)s;

A file may open with comments of its own; further comments inside a query belong to the query.
"""

import re
from collections.abc import Iterator, Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from types import MappingProxyType
from typing import Final, LiteralString

_NAME: Final = re.compile(r"--\s*name:\s*(?P<name>[a-z][a-z0-9_]*)\s*")


def queries(file: str | Traversable) -> Mapping[str, LiteralString]:
    """The queries of a file by name, without their sentences.

    A file is given as a resource or as `package/file.sql`. What it holds was written by the authors
    of the program, so it counts as literal text: parameters are bound to it, nothing is pasted.

    Raises:
        ValueError: the file breaks the form above; the message names the file and the line.
    """
    resource = _resource(file) if isinstance(file, str) else file
    found: dict[str, LiteralString] = {}
    for line, name, text in _blocks(resource):
        where = f"{resource.name}:{line}"
        if name in found:
            raise ValueError(f"{where}: the name {name} stands twice; give each query its own")
        found[name] = _query(text, where)
    return MappingProxyType(found)


def _resource(file: str) -> Traversable:
    package, _, name = file.partition("/")
    return files(package).joinpath(name)


def _blocks(resource: Traversable) -> Iterator[tuple[int, str, list[str]]]:
    """Each name with the line it stands on and the lines behind it."""
    block: tuple[int, str, list[str]] | None = None
    for number, line in enumerate(resource.read_text("utf-8").splitlines(), start=1):
        if match := _NAME.fullmatch(line):
            if block:
                yield block
            block = (number, match["name"], [])
        elif block:
            block[2].append(line)
        elif line.strip() and not line.startswith("--"):
            raise ValueError(f"{resource.name}:{number}: SQL before the first «-- name: …»: {line}")
    if block:
        yield block


def _query(lines: list[str], where: str) -> str:
    sentence = next((at for at, line in enumerate(lines) if not line.startswith("--")), len(lines))
    if sentence == 0:
        raise ValueError(f"{where}: a sentence «-- …» must follow the name")
    query = "\n".join(lines[sentence:]).strip().removesuffix(";")
    if not query:
        raise ValueError(f"{where}: no SQL follows the sentence")
    return query
