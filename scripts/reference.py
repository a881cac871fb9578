"""Write `docs/steps/`: a page for each step type, made from the models that check definitions.

`--check` says what is out of date instead of writing.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from inspect import getdoc
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from steps.agent import AgentDocument
from steps.contract import AnyStepType
from steps.document import CommonStep
from steps.registry import Registry

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "steps"
_COMMON_ERRORS = {
    "ExpressionFailed": "an expression in the step's settings could not be evaluated",
    "InvalidOutput": "a declared output field is missing or has the wrong type",
    "Timeout": "the attempt took longer than the step's `timeout`",
}


def pages() -> Mapping[str, str]:
    """Give every page by its file name."""
    types = Registry.built_in().all
    made = {f"{kind.type}.md": "\n".join(_step_page(kind)) + "\n" for kind in types}
    made["agents.md"] = "\n".join(_agent_page()) + "\n"
    made["README.md"] = "\n".join(_contents(types)) + "\n"
    return made


def _contents(types: list[AnyStepType]) -> Iterator[str]:
    yield "# Step types\n"
    yield "Every page here is made from the models that check definitions (`make reference`).\n"
    yield "| type | what it does |\n| --- | --- |"
    for kind in types:
        yield f"| [{kind.type}]({kind.type}.md) | {_paragraphs(kind)[0]} |"
    yield "\n[Agents](agents.md) are definitions of their own, which call-agent steps name.\n"
    yield "## Keys of every step\n"
    yield from _table(CommonStep)
    yield "\n`retry` has these keys:\n"
    yield from _table(_model_of(CommonStep, "retry"))
    yield "\n## Errors of every step\n"
    yield from _errors(_COMMON_ERRORS)


def _step_page(kind: AnyStepType) -> Iterator[str]:
    yield f"# {kind.type}\n"
    yield "\n\n".join(_paragraphs(kind)) + "\n"
    limit = f"{kind.timeout_ms / 1000:g} s" if kind.timeout_ms else "any time"
    yield f"One attempt may take {limit} unless the step's `timeout` says otherwise.\n"
    yield "## Settings\n"
    yield "Beside [the keys of every step](README.md#keys-of-every-step):\n"
    yield from _table(kind.settings)
    yield from _parts(kind.settings)
    yield "\n## Errors\n"
    if kind.errors:
        yield "Beside [the errors of every step](README.md#errors-of-every-step):\n"
        yield from _errors(kind.errors)
    else:
        yield "[The errors of every step](README.md#errors-of-every-step)."
    yield "\n## Example\n"
    yield f"```json\n{json.dumps(kind.example, indent=2, ensure_ascii=False)}\n```"


def _agent_page() -> Iterator[str]:
    yield "# Agents\n"
    yield (
        "An agent is stored and versioned like a workflow, at `/api/agents`: "
        "`POST` creates one, `PUT` stores the next version, `publish` marks one. "
        "A [call-agent](call-agent.md) step names it.\n"
    )
    yield "## The document\n"
    yield from _table(AgentDocument)
    yield from _parts(AgentDocument)
    yield "\n## Example\n"
    yield f"```json\n{json.dumps(_AGENT, indent=2, ensure_ascii=False)}\n```"


def _table(model: type[BaseModel]) -> Iterator[str]:
    schema = model.model_json_schema()
    properties = schema.get("properties", {})
    if not properties:
        yield "It has none of its own."
        return
    yield "| key | type | default | meaning |\n| --- | --- | --- | --- |"
    for name, spec in properties.items():
        default = "required" if name in schema.get("required", ()) else _default(model, name)
        meaning = str(spec.get("description", "")).replace("|", "\\|")
        yield f"| `{name}` | {_type(spec, schema)} | {default} | {meaning} |"


def _parts(model: type[BaseModel]) -> Iterator[str]:
    """Describe the models that stand inside `model`, which have keys of their own."""
    for field, info in model.model_fields.items():
        inner = _model_in(info.annotation)
        if inner is not None:
            yield f"\n`{info.alias or field}` has these keys:\n"
            yield from _table(inner)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    inner = (_model_in(part) for part in getattr(annotation, "__args__", ()))
    return next((model for model in inner if model), None)


def _model_of(model: type[BaseModel], field: str) -> type[BaseModel]:
    inner = _model_in(model.model_fields[field].annotation)
    if inner is None:
        raise TypeError(f"{field} of {model.__name__} holds no model")
    return inner


def _default(model: type[BaseModel], name: str) -> str:
    by_alias = {info.alias or field: info for field, info in model.model_fields.items()}
    info = by_alias[name]
    value = info.get_default(call_default_factory=True, validated_data={})
    value = getattr(value, "source", value)
    if value is None or (isinstance(value, list | dict) and not value):
        return "none"
    if isinstance(value, BaseModel) or (
        isinstance(value, list) and isinstance(value[0], BaseModel)
    ):
        return "see below"
    if _is_duration(model, name):
        return f"`{value / 1000:g}s`"
    return f"`{json.dumps(value, ensure_ascii=False)}`"


def _is_duration(model: type[BaseModel], name: str) -> bool:
    return "30s" in json.dumps(model.model_json_schema()["properties"][name].get("examples", ()))


def _type(spec: dict[str, Any], schema: dict[str, Any]) -> str:
    if "$ref" in spec:
        return _type(schema["$defs"][spec["$ref"].rpartition("/")[2]], schema)
    if "anyOf" in spec:
        kinds = [_type(one, schema) for one in spec["anyOf"] if one.get("type") != "null"]
        return " or ".join(dict.fromkeys(kinds))
    if "enum" in spec:
        return ", ".join(f"`{item}`" for item in spec["enum"])
    if "const" in spec:
        return f"`{spec['const']}`"
    if spec.get("type") == "array":
        return f"list of {_type(spec.get('items', {}), schema)}"
    if "30s" in spec.get("examples", ()):
        return "duration"
    if spec.get("type") == "object" and isinstance(spec.get("additionalProperties"), dict):
        return f"object of {_type(spec['additionalProperties'], schema)}"
    bounds = [
        f"{word} {spec[key]:,}"
        for key, word in (("minimum", "from"), ("maximum", "to"))
        if key in spec
    ]
    return " ".join([str(spec.get("type", "template")), *bounds])


def _errors(errors: Mapping[str, str]) -> Iterator[str]:
    yield "| type | meaning |\n| --- | --- |"
    for name, meaning in errors.items():
        shown = ", ".join(f"`{part.strip()}`" for part in name.split(","))
        yield f"| {shown} | {meaning} |"


def _paragraphs(kind: AnyStepType) -> list[str]:
    text = getdoc(type(kind)) or ""
    return [" ".join(part.split()) for part in text.split("\n\n")]


_AGENT = {
    "name": "Researcher",
    "description": "Finds out who owns a company",
    "model": "default",
    "instructions": "You research companies in {{ inputs.country }}. Use the tools; do not guess.",
    "tools": [
        "registry.search",
        {"tool": "send-email", "approval": True},
        {"workflow": "check-sanctions"},
    ],
    "output": {"owner": {"type": "string"}, "listed": {"type": "boolean"}},
    "limits": {"maxTurns": 15, "time": "10m"},
}


def main() -> int:
    """Write the pages, or check them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    FOLDER.mkdir(parents=True, exist_ok=True)
    made = pages()
    stale = [name for name, text in made.items() if _read(FOLDER / name) != text]
    stale += [file.name for file in FOLDER.iterdir() if file.name not in made]
    if check:
        print("\n".join(f"docs/steps/{name} is out of date: make reference" for name in stale))
        return 1 if stale else 0
    for name, text in made.items():
        (FOLDER / name).write_text(text, encoding="utf-8")
    return 0


def _read(file: Path) -> str | None:
    return file.read_text(encoding="utf-8") if file.exists() else None


if __name__ == "__main__":
    sys.exit(main())
