"""The OpenAPI 3.1 document: what the routes say of themselves, and every command from its model."""

from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from ledger.commands import COMMAND_NAMES
from ledger.events import STORED_NAMES

from .problems import PROBLEM_MEDIA_TYPE, ProblemModel
from .routes.commands import PREFIX
from .schemas import COMMAND_MODELS, has_subject

__all__ = ["describe"]

_TEMPLATE: Final = "#/components/schemas/{model}"
_JSON: Final = "application/json"

Schema = dict[str, Any]


def describe(app: FastAPI) -> Schema:
    """The whole document."""
    document = get_openapi(
        title=app.title,
        version=app.version,
        description=app.description,
        license_info=app.license_info,
        routes=app.routes,
        tags=[{"name": "commands", "description": "What can be recorded, one address each."}],
    )
    schemas: Schema = document.setdefault("components", {}).setdefault("schemas", {})
    _own_problems(document)
    _take(schemas, "ProblemModel", ProblemModel.model_json_schema(ref_template=_TEMPLATE))
    for name, schema in _ANSWERS.items():
        schemas[name] = schema
    for name in COMMAND_NAMES:
        document["paths"][f"{PREFIX}{name}"] = {"post": _command(name, schemas)}
    document["paths"][f"{PREFIX}{{key}}"] = {"get": _KEY}
    return document


def _take(schemas: Schema, name: str, schema: Schema) -> None:
    schemas.update(schema.pop("$defs", {}))
    schemas[name] = schema


def _own_problems(document: Schema) -> None:
    """Answers that are no good come as problems, whatever FastAPI says by itself."""
    for operations in document["paths"].values():
        for operation in operations.values():
            for status, answer in operation["responses"].items():
                if int(status) >= 400:  # noqa: PLR2004  # as HTTP has it
                    answer["content"] = _problem_content()
    for name in ("HTTPValidationError", "ValidationError"):
        document["components"]["schemas"].pop(name, None)


def _problem_content() -> Schema:
    return {PROBLEM_MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemModel"}}}


def _command(name: str, schemas: Schema) -> Schema:
    model = COMMAND_MODELS[name]
    schema = model.model_json_schema(ref_template=_TEMPLATE)
    if has_subject(name):
        schema["properties"] = {"subject": _SUBJECT, **schema["properties"]}
        schema["required"] = ["subject", *schema.get("required", ())]
    schema["properties"]["command"] = {"const": name, "description": "May be left out here."}
    _take(schemas, model.__name__, schema)
    summary = (model.__doc__ or name).partition("\n")[0].rstrip(".")
    return {
        "tags": ["commands"],
        "summary": summary,
        "operationId": name.replace("-", "_"),
        "parameters": _WRITE_PARAMETERS,
        "requestBody": {
            "required": True,
            "content": {_JSON: {"schema": {"$ref": f"#/components/schemas/{model.__name__}"}}},
        },
        "responses": {
            "200": _answer("Nothing to do, or a dry run.", "CommandAnswer", "CommandPreview"),
            "201": _answer("Recorded and entered.", "CommandAnswer"),
            "202": _answer(
                "Recorded, not yet entered; ask at Location what became of it.", "CommandSequenced"
            ),
            **_problems(400, 404, 409, 412, 413, 415, 422, 503),
        },
    }


def _answer(description: str, *names: str) -> Schema:
    references = [{"$ref": f"#/components/schemas/{name}"} for name in names]
    schema = references[0] if len(references) == 1 else {"anyOf": references}
    return {
        "description": description,
        "headers": _HEADERS,
        "content": {_JSON: {"schema": schema}},
    }


def _problems(*statuses: int) -> Schema:
    return {
        str(status): {"description": "See /problems.", "content": _problem_content()}
        for status in statuses
    }


_HEADERS: Final[Schema] = {
    "Ledger-Position": {
        "description": "The position up to which the answer holds.",
        "schema": {"type": "integer", "minimum": 0},
    }
}
_SUBJECT: Final[Schema] = {
    "type": "string",
    "description": "The subject's id, or any identifier of it in any form.",
}


def _header(name: str, description: str, *, required: bool = False) -> Schema:
    return {
        "name": name,
        "in": "header",
        "required": required,
        "description": description,
        "schema": {"type": "string"},
    }


_PREFER: Final = _header(
    "Prefer", "`wait=N`: seconds to wait for the record to be entered, 0 to 30; 2 if not said."
)
_WRITE_PARAMETERS: Final = [
    _header(
        "Idempotency-Key",
        "1 to 255 visible ASCII characters, the same for a retry; a dry run needs none.",
    ),
    _header("If-Match", 'Binds the command to a version of the subject: `"v17"`, or `*`.'),
    _PREFER,
    {
        "name": "dry_run",
        "in": "query",
        "required": False,
        "description": "Show what would be recorded and what it would change; record nothing.",
        "schema": {"type": "boolean", "default": False},
    },
]
_KEY: Final[Schema] = {
    "tags": ["commands"],
    "summary": "What the command under an idempotency key did, for ever",
    "operationId": "command_of_key",
    "parameters": [
        {
            "name": "key",
            "in": "path",
            "required": True,
            "description": "The idempotency key of the command.",
            "schema": {"type": "string", "minLength": 1, "maxLength": 255},
        },
        _PREFER,
    ],
    "responses": {
        "200": _answer("Recorded and entered.", "CommandAnswer"),
        "202": _answer("Recorded, not yet entered.", "CommandSequenced"),
        **_problems(400, 404, 422, 503),
    },
}

_INTEGER: Final[Schema] = {"type": "integer", "minimum": 0}
_HASH: Final[Schema] = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
_EVENT: Final[Schema] = {
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "type": {"type": "string", "enum": list(STORED_NAMES)},
        "position": {"type": ["integer", "null"]},
        "data": {"type": "object"},
    },
    "required": ["id", "type", "position", "data"],
}
_WARNINGS: Final[Schema] = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {"pointer": {"type": "string"}, "code": {"type": "string"}},
        "required": ["pointer", "code"],
    },
}
_ANSWERS: Final[Schema] = {
    "RecordedEvent": _EVENT,
    "CommandAnswer": {
        "type": "object",
        "properties": {
            "state": {"type": "string", "enum": ["entered", "unchanged"]},
            "position": _INTEGER,
            "leaf_hash": _HASH,
            "chain_hash": _HASH,
            "partition": _INTEGER,
            "offset": {"type": ["integer", "null"]},
            "subject": {"type": "string"},
            "version": _INTEGER,
            "events": {"type": "array", "items": {"$ref": "#/components/schemas/RecordedEvent"}},
            "warnings": _WARNINGS,
        },
        "required": ["state", "position", "subject", "version", "events"],
    },
    "CommandSequenced": {
        "type": "object",
        "properties": {
            "state": {"type": "string", "const": "sequenced"},
            "subject": {"type": "string"},
        },
        "required": ["state", "subject"],
    },
    "CommandPreview": {
        "type": "object",
        "properties": {
            "state": {"type": "string", "const": "preview"},
            "position": _INTEGER,
            "subject": {"type": ["string", "null"]},
            "version": _INTEGER,
            "events": {"type": "array", "items": {"$ref": "#/components/schemas/RecordedEvent"}},
            "changes": {"type": "array", "items": {"type": "object"}},
            "lists": {"type": "array", "items": {"type": "object"}},
            "warnings": _WARNINGS,
        },
        "required": ["state", "position", "subject", "version", "events", "changes", "lists"],
    },
}
