"""Code that starts a workflow, in curl and in Python, ready to be copied."""

import json
import shlex
from collections.abc import Mapping
from typing import Any

from app.web.console.questions.form_fields import start_fields

_EXAMPLES = {"string": "text", "number": 1.5, "integer": 1, "boolean": True, "object": {}}
_EXAMPLES |= {"array": []}


def snippets(base: str, tenant: str, workflow_id: str, specs: Mapping[str, Any]) -> dict[str, str]:
    """Return the calls; the key is read from the environment, never shown."""
    files = [item.name.removeprefix("data.") for item in start_fields(specs) if item.kind == "file"]
    data = {
        name: _example(spec)
        for name, spec in specs.items()
        if isinstance(spec, dict) and spec.get("type") != "file"
    }
    address = f"{base}/api/workflow/start/{workflow_id}"
    head = f'curl -X POST {shlex.quote(address)} -H "x-api-key: $STEPWELL_KEY" -H '
    head += shlex.quote(f"x-tenant-id: {tenant}")
    if files:
        fields = "".join(f" -F {shlex.quote(f'{k}={_plain(v)}')}" for k, v in data.items())
        curl = head + fields + "".join(f" -F {shlex.quote(n)}=@document.pdf" for n in files)
    else:
        body = json.dumps({"data": data}, ensure_ascii=False)
        curl = f'{head} -H "Content-Type: application/json" -d {shlex.quote(body)}'
    return {"curl": curl, "python": _python(address, tenant, data, files)}


def _python(address: str, tenant: str, data: Mapping[str, Any], files: list[str]) -> str:
    if files:
        fields = {name: _plain(value) for name, value in data.items()}
        parts = ", ".join(f'{name!r}: open("document.pdf", "rb")' for name in files)
        sending = f"data={fields!r}, files={{{parts}}}"
    else:
        sending = f"json={{'data': {dict(data)!r}}}"
    return (
        "import os\n\nimport httpx\n\n"
        "answer = httpx.post(\n"
        f"    {address!r},\n"
        f"    headers={{'x-api-key': os.environ['STEPWELL_KEY'], 'x-tenant-id': {tenant!r}}},\n"
        f"    {sending},\n    timeout=300,\n)\n"
        "answer.raise_for_status()\nprint(answer.json())\n"
    )


def _example(spec: Mapping[str, Any]) -> Any:
    if "default" in spec:
        return spec["default"]
    if isinstance(spec.get("enum"), list) and spec["enum"]:
        return spec["enum"][0]
    return _EXAMPLES.get(str(spec.get("type")), "text")


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
