"""`/docs`: the OpenAPI document as a self-contained page."""

import json
from html import escape
from typing import Any

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;"
    "color-scheme:light dark}code,pre{font:14px/1.4 ui-monospace,monospace}"
    "pre{overflow:auto;padding:.8rem;border:1px solid #8886}table{border-collapse:collapse}"
    "td,th{text-align:left;padding:.2rem .8rem .2rem 0;vertical-align:top}"
    "section{border-top:1px solid #8886;padding-top:1rem}"
)


def docs_page(document: dict[str, Any], address: str) -> str:
    """Return the page as HTML; everything in it is escaped."""
    schemas = document["components"]["schemas"]
    parts = [
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>",
        "<meta name='viewport' content='width=device-width'><title>Stepwell API</title>",
        f"<style>{_STYLE}</style></head><body><h1>{escape(document['info']['title'])}</h1>",
        "<p>Send <code>x-api-key</code> with <code>x-tenant-id</code>, or a signed token as ",
        "<code>Authorization: Bearer</code>. The machine-readable form of this page is ",
        "<a href='/openapi.json'>/openapi.json</a>.</p>",
    ]
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            answers = ", ".join(
                f"{status} {_answer(value, document)}"
                for status, value in operation["responses"].items()
            )
            section = _section(method.upper(), path, operation, schemas, address)
            message = f"<details><summary>Answers</summary><p>{escape(answers)}</p></details>"
            parts.append(f"<section>{section}{message}</section>")
    return "".join([*parts, "</body></html>"])


def _answer(answer: dict[str, Any], document: dict[str, Any]) -> str:
    if "$ref" in answer:
        answer = document["components"]["responses"][answer["$ref"].rpartition("/")[2]]
    return str(answer["description"])


def _type(schema: dict[str, Any]) -> str:
    kind = schema.get("type", "")
    return " or ".join(kind) if isinstance(kind, list) else str(kind)


def _section(
    method: str, path: str, operation: dict[str, Any], schemas: dict[str, Any], address: str
) -> str:
    rows = "".join(
        f"<tr><td><code>{escape(item['name'])}</code></td><td>{escape(item['in'])}</td>"
        f"<td>{escape(str(item.get('description', '')))}</td></tr>"
        for item in operation["parameters"]
    )
    body = operation.get("requestBody", {}).get("content", {}).get("application/json")
    shown = ""
    if body:
        schema = schemas[body["schema"]["$ref"].rpartition("/")[2]]
        shown = "".join(
            f"<tr><td><code>{escape(name)}</code></td><td>body</td>"
            f"<td>{escape(str(spec.get('description', _type(spec))))}</td></tr>"
            for name, spec in schema.get("properties", {}).items()
        )
    curl = f"curl -X {method} {address}{path} -H 'x-api-key: $KEY' -H 'x-tenant-id: $TENANT'"
    if body:
        curl += " -H 'Content-Type: application/json' -d " + json.dumps("{...}")
    return (
        f"<h2><code>{method} {escape(path)}</code></h2>"
        f"<p>{escape(operation['summary'])}. {escape(operation['description'])}</p>"
        f"<table>{rows}{shown}</table><pre>{escape(curl)}</pre>"
    )
