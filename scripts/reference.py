"""Write the reference pages in `docs/`, generated from the models that validate documents.

A page for each step type, for agents, models, the settings of the server, the states of a run,
metrics and log, the calls of the client, and the patterns. `--check` reports what is out of date
instead of writing.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from enum import Enum
from inspect import getdoc
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from app.settings.llm import ModelDocument, ModelSettings
from app.settings.mcp import McpOAuth, McpServerSettings, McpSignIn
from app.settings.server import NO_OPTIONS, Settings
from scripts import (
    client_page,
    errors_page,
    expressions_page,
    observability_page,
    patterns_page,
    runs_page,
    triggers_page,
)
from steps.agents.agent import AgentDocument
from steps.checking.document_schema import definition_schema
from steps.contract.common_errors import COMMON_ERRORS
from steps.contract.step_type import AnyStepType
from steps.document.shape import CommonStep
from steps.language.list_mapping import ListMapping
from steps.language.template import Template
from steps.registry import Registry
from steps.set_values import Value

DOCS = Path(__file__).resolve().parent.parent / "docs"
_PLURALS = {
    **{kind: f"{kind}s" for kind in ("string", "object", "template", "integer", "number", "path")},
    "string, never shown": "strings, never shown",
    "network (CIDR)": "networks (CIDR)",
}
_SECRETS = "*secrets may stand here*"
_UNITS_MS = (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1))


def pages() -> Mapping[str, str]:
    """Return every page by its path in `docs/`."""
    types = Registry.built_in().all
    made = {f"steps/{kind.type}.md": _step_page(kind) for kind in types}
    made["steps/agents.md"] = _agent_page()
    made["steps/models.md"] = _model_page()
    made["steps/README.md"] = _contents(types)
    made["settings.md"] = _settings_page()
    schema = json.dumps(definition_schema(Registry.built_in()), indent=1, ensure_ascii=False)
    made["definition.schema.json"] = iter([schema])
    made["expressions.md"] = expressions_page.lines()
    made["errors.md"] = errors_page.page()
    made["runs.md"] = runs_page.page()
    made["patterns.md"] = patterns_page.page()
    made["observability.md"] = observability_page.page()
    made["client.md"] = client_page.page()
    made["triggers.md"] = triggers_page.page(_table, _parts)
    return {name: "\n".join(lines) + "\n" for name, lines in made.items()}


def _contents(types: list[AnyStepType]) -> Iterator[str]:
    yield "# Step types\n"
    yield "What each step of a workflow can do: one page for each type, with its settings, errors"
    yield "and an example. These pages are made from the code that checks definitions"
    yield "(`make reference`).\n"
    yield "| type | what it does |\n| --- | --- |"
    for kind in types:
        yield f"| [{kind.type}]({kind.type}.md) | {_paragraphs(kind)[0]} |"
    yield "\n[Agents](agents.md) have definitions of their own; call-agent steps refer to them."
    yield "[Models](models.md) answer the questions of call-llm steps and agents."
    yield "If no step type fits, [write your own](../extending.md).\n"
    yield "## Keys of every step\n"
    yield from _table(CommonStep)
    yield from _parts(CommonStep)
    yield "\n## Errors of every step\n"
    yield from _errors(COMMON_ERRORS)
    yield "\nAn error is retried only if the step has `retry`, and the error is marked as retried"
    yield "here or on the page of the step type."


def _step_page(kind: AnyStepType) -> Iterator[str]:
    yield f"# {kind.type}\n"
    yield "\n\n".join(_paragraphs(kind)) + "\n"
    if kind.timeout_ms:
        limit = _duration(kind.timeout_ms)
        yield f"One attempt may take {limit} unless the step's `timeout` says otherwise.\n"
    if kind.resumable:
        yield "It always continues after a crash, so it has no `onInterrupted`.\n"
    yield "## Settings\n"
    yield "In addition to [the keys of every step](README.md#keys-of-every-step):\n"
    settings = [*_table(kind.settings), *_parts(kind.settings), *_list_mapping(kind.settings)]
    yield from settings
    if any(_SECRETS in line for line in settings):
        yield f"\nWhere the type says {_SECRETS}, you can use `{{{{ secrets.NAME }}}}`."
    yield "\n## Errors\n"
    yield "In addition to [the errors of every step](README.md#errors-of-every-step):\n"
    yield from _errors(kind.errors)
    yield "\n## Example\n"
    yield _example(kind.example)


_ABOUT_AGENTS = """
In `tools`, a text is short for an object with `tool`. A tool of an MCP server is `server.tool`.
A workflow can be called if it has `"tool": true`. The call is a child run; if the arguments do
not match the workflow's payload, the model gets an error instead. The model receives the result
of the child run, or its data if it has no result.

## Calls

Calls of one answer that need no person are made in parallel. All calls that need approval are
one pause with the signal `request_user_action`. Its `calls` has `tool`, `arguments` and
`inputSchema` of each call; for a single call, they are in the signal itself. There are three
ways to answer:

- all calls at once, with the `actionId` of the pause;
- one call, with the `actionId` of that call;
- some calls by name:
  `"data": {"calls": {"turn-1/call-2": {"actionValue": "rejected", "comment": "..."}}}`. The run
  then asks about the others again.

With `data`, you can give a single call other arguments. They must match the schema; if not, the
answer is status 400 and the question stays open. A call whose own arguments do not match fails
without a question to a person. The model learns of rejections, with their comments, and of
changed arguments; `calls` shows both. After a `deliver`, no further call of that answer is
made; such calls have `"made": false`.

Pictures and files in a result are stored as files. The record has their ids, and the model
receives the ids, so it can pass them to other tools. Files that a model makes are in
`response.files`.

With the tool `ask-user`, an agent asks a person a `question`, with optional `options`. The run
pauses with `collect_inputs` for the field `answer`, which is the result of the call. The wait
does not count towards `limits.time`.

If the step has `"onInterrupted": "ask"` and a crash interrupts a call, a person sees the tool
and its arguments, and answers `happened` (with the result of the call in `data.result`),
`again` or `skip`. Interrupted questions to a model are repeated without asking.

## Limits

Tokens and cost include those of all child runs: while a workflow that the agent calls asks
models, each of its questions counts against the agent's limit. Close to a limit, questions are
asked one at a time, so a limit is exceeded by one answer at most. If an agent answers with text
instead of delivering, it is asked twice to deliver; then the step fails, and the error has the
text.

## Guards

Guards are checked in their order: those in `before` before the first question to a model, those
in `after` on the delivered `output`. A guard is a condition that must be true (a text is short
for that), or a workflow. A workflow runs as a child run with `message`, `inputs` and `output`
as its data. It can ask a person, and must give `allowed: true` in its result (or its data),
optionally with a `reason`. If a guard refuses, or its workflow gives anything else, the step
fails with `GuardRefused`, which `onError` and edges can handle. The transcript shows what the
workflows answered.

## Handing over

An agent with `handoffs` has a tool `hand_over_to_NAME` for each. When it calls one, the other
calls of that answer are made first. Then the other agent continues the same conversation in the
same visit of the step, with its own instructions, model, tools and `handoffs`; with these it
can hand back. The fields to deliver, the limits and the guards are always those of the first
agent. The version of the other agent is chosen at that moment and recorded. The transcript and
`GET /api/usage` show which agent asked. A `model` in the step replaces the model of all these
agents.

## Long conversations

`context` keeps questions below `maxTokens`, counted like the provider does. If a question is
longer, the results of calls before the last `keepLast` answers are replaced by their length.
This is done for many turns at once, so the beginning of the conversation stays the same and can
be read from the provider's cache. With `summarize`, a model writes a summary of everything
older, which is placed beside the message. The summary is recorded and counted like other
answers, and the transcript shows it. Each question depends only on records, so it is the same
after a crash. With `cache`, Anthropic is asked to cache the conversation; other providers do
that by themselves. `cachedTokens` is the number of tokens from a cache.

## Trying a version on recorded runs

`stepwell replay RUN --agent VERSION`, or `--model NAME`, repeats the last visit of a recorded
run that asked a model. It uses the same data, in a new run that ends after the step. Calls get
their recorded results: no tool is called and nobody is asked. A call with different arguments
gets the next recorded result of the same tool (`near`); if there is none, the model gets an
error. A table shows the differences and the cost:

```text
run        came out               turns   calls   tokens        cost              model s
run-1      same                   3 -> 3  2 -> 2  1846 -> 1790  0.0031 -> 0.0012  6.1 -> 2.9
run-2      otherwise (completed)  4 -> 3  3 -> 2  2470 -> 1802  0.0044 -> 0.0013  8.0 -> 3.1
2 runs     1 same                 7 -> 6  5 -> 4  4316 -> 3592  0.0075 -> 0.0025  14.1 -> 6.0
run-2  output.owner: "Acme Ltd" -> "Acme Limited"
```

`checks` of an agent lists runs on which each version is to be tried.
`stepwell replay --checks AGENT` takes the latest version, or the one in `--agent`. With
`--publish` it publishes that version if all results are the same; otherwise the exit code is 1.
In a workflow, `recorded` of a `call-agent` step does the same.

A failed agent can continue after its last answer: `POST /api/workflow/rerun/{runId}` with
`"keepCalls": true`. The limits then start again, and calls already paid for are not counted
again.
"""


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
    yield _ABOUT_AGENTS
    yield "\n## Example\n"
    yield _example(_AGENT)


_ABOUT_MODELS = """
If a model fails for any reason except a limit or a budget, the models in `fallback` are asked
in their order: the list of the step or of the agent, or else the model's own. Each question has
the limits, prices and retries of its model, and the transcript shows which model answered.
Extra data that a provider adds to its answers is returned only to that provider.
"""


_ABOUT_SCRIPTS = """
## Scripted models

A model of the provider `scripted` calls no other system. Use it to test workflows, on a server
or with `stepwell run FLOW --with AGENT --models-json ...`. The first script whose `when` is
true answers. Its first answer is for the first question of a conversation, and so on.
Expressions can use `asked`, which has `first` and `message` (the first and the last message of
the user), `system`, `agent` (its id), `turn` (from 1), `results` (of the calls of the last
answer) and `tools`. `output` is delivered in the form that is expected: by the tool `deliver`
of an agent, or as JSON. Tokens are estimated unless an answer states them; `prices` apply.
"""


def _model_page() -> Iterator[str]:
    yield "# Models\n"
    yield (
        "A model is a chat model with a name. [call-llm](call-llm.md) steps and "
        "[agents](agents.md) refer to it by `model`. Without `model` they use the default: the "
        "setting `default_model`, or the only model if there is just one.\n"
    )
    yield "## Models of a tenant\n"
    yield "`PUT /api/models/{name}` stores this document. A model of the tenant comes before one of"
    yield "the same name in the settings. `GET /api/models` lists both.\n"
    yield from _table(ModelDocument)
    yield from _parts(ModelDocument)
    yield _ABOUT_MODELS
    yield "\n```json"
    yield json.dumps(_MODEL, indent=2)
    yield "```\n"
    yield _ABOUT_SCRIPTS
    yield _example(_SCRIPTED)
    yield "\n## Allowed addresses\n"
    yield "The `baseUrl` of a tenant's model must be a public address, or in `allowed_networks`.\n"
    yield "## In the settings\n"
    yield "All tenants share the models in the [settings](../settings.md): tables in the file, or"
    yield "JSON in `STEPWELL_MODELS`. They can have any address, and have one more key:\n"
    yield from _table(ModelSettings, without=ModelDocument)
    yield '\n```toml\ndefault_model = "fast"\n'
    yield '[models.fast]\nprovider = "openai"\nmodel = "gpt-5-mini"\nkeyEnv = "OPENAI_API_KEY"\n'
    yield '[models.local]\nprovider = "openai"\nmodel = "llama3.3"'
    yield 'baseUrl = "http://127.0.0.1:11434/v1"\nstructured = "json_object"\ntimeout = "10m"\n```'


def _settings_page() -> Iterator[str]:
    yield "# Settings\n"
    yield "You can set each setting on the command line, with hyphens (`--cors-origins`); in the"
    yield "environment, in capitals (`STEPWELL_CORS_ORIGINS`); or in `stepwell.toml`. The first of"
    yield "these that has it counts; an empty variable of the environment counts as not set."
    yield "`stepwell config` shows all values, and where each comes from."
    yield "[single-node.md](../single-node.md#a-complete-file) has a complete file.\n"
    yield from _table(Settings)
    hidden = " and ".join(f"`{name}`" for name in NO_OPTIONS)
    yield f"\n{hidden} cannot be given on the command line, where others could read them.\n"
    yield "## models\n"
    yield "See [models](steps/models.md).\n"
    yield "## mcp_servers\n"
    yield f"{getdoc(McpServerSettings)} Tables in the file, or one JSON text.\n"
    yield from _table(McpServerSettings)
    yield "\nA value `env:NAME` in `env` or `headers` is read from Stepwell's environment. A"
    yield "process gets nothing else from it except what it needs to start, such as `PATH`."
    for name, model in (("oauth", McpOAuth), ("signIn", McpSignIn)):
        yield f"\n`{name}`: {getdoc(model)}\n"
        yield from _table(model)


def _table(model: type[BaseModel], without: type[BaseModel] | None = None) -> Iterator[str]:
    schema = model.model_json_schema()
    known = without.model_fields if without else {}
    fields = {name: info for name, info in model.model_fields.items() if name not in known}
    if not fields:
        yield "None."
        return
    yield "| key | type | default | meaning |\n| --- | --- | --- | --- |"
    for field, info in fields.items():
        name = info.alias or field
        spec = schema["properties"][name]
        default = "required" if info.is_required() else _default(info, spec)
        kind = _kind(name, info, spec, schema)
        meaning = str(info.description or "").replace("|", "\\|")
        yield f"| `{name}` | {kind} | {default} | {meaning} |"


def _parts(model: type[BaseModel]) -> Iterator[str]:
    """Describe the models inside `model` that have their own keys."""
    for field, info in model.model_fields.items():
        for inner in dict.fromkeys(_models_in(info.annotation)):
            kind = inner.model_json_schema()["properties"].get("type", {}).get("const")
            which = f" with `type` `{kind}`" if kind else ""
            yield f"\n`{info.alias or field}`{which} has these keys:\n"
            yield from _table(inner)
            yield from _parts(inner)


def _list_mapping(model: type[BaseModel]) -> Iterator[str]:
    """Describe lists made from other lists, if values of `model` may be such lists."""
    if any(
        Value in getattr(info.annotation, "__args__", ()) for info in model.model_fields.values()
    ):
        yield "\n## A list made of another\n"
        yield "A value that is an object with the key `map` has these keys. They are applied in the"
        yield "order `join`, `where`, `groupBy`, `sortBy`, `unique`, `limit`, `to`. Ten"
        yield "thousand items take a fraction of a second and do not block other runs.\n"
        yield from _table(ListMapping)
        yield from _parts(ListMapping)


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in getattr(annotation, "__args__", ()) for model in _models_in(part)]


def _names_secrets(annotation: Any) -> bool:
    if isinstance(annotation, type) and issubclass(annotation, Template):
        return annotation.may_name_secrets
    return any(_names_secrets(part) for part in getattr(annotation, "__args__", ()))


def _default(info: FieldInfo, spec: Mapping[str, Any]) -> str:
    value = info.get_default(call_default_factory=True, validated_data={})
    value = getattr(value, "source", value)
    if value is None or value in ("", [], {}):
        return "none"
    if isinstance(value, BaseModel):
        return "see below"
    if "30s" in spec.get("examples", ()):
        return f"`{_duration(value)}`"
    if isinstance(value, list) and isinstance(value[0], BaseModel):
        value = [item.model_dump() for item in value]
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return f"`{json.dumps(value, ensure_ascii=False, default=_source)}`"


def _source(value: object) -> object:
    """Return a template as written in a document."""
    return getattr(value, "source", None) or str(value)


def _duration(length_ms: int) -> str:
    unit, size = next((unit, size) for unit, size in _UNITS_MS if length_ms % size == 0)
    return f"{length_ms // size}{unit}"


def _kind(name: str, info: FieldInfo, spec: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    if name == "output" and info.annotation == dict[str, Any]:
        return "[fields](../definitions.md#fields)"
    kind = _type(spec, schema)
    if kind == "list of objects or object":
        kind = "object or list of objects, see below"
    elif _models_in(info.annotation) and " of " not in kind:
        kind = f"{kind}, see below" if kind.endswith("object") else "object, see below"
    return f"{kind}; {_SECRETS}" if _names_secrets(info.annotation) else kind


def _type(spec: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    if "$ref" in spec:
        return _type(schema["$defs"][spec["$ref"].rpartition("/")[2]], schema)
    variants = spec.get("anyOf") or spec.get("oneOf")
    if variants:
        kinds = [_type(one, schema) for one in variants if one.get("type") != "null"]
        return " or ".join(dict.fromkeys(kinds))
    if "enum" in spec:
        return ", ".join(f"`{item}`" for item in spec["enum"])
    if "const" in spec:
        return f"`{spec['const']}`"
    if spec.get("type") == "array":
        return f"list of {_plural(_type(spec.get('items', {}), schema))}"
    if "30s" in spec.get("examples", ()):
        return "duration"
    values = spec.get("additionalProperties") or next(
        iter(spec.get("patternProperties", {}).values()), None
    )
    if spec.get("type") == "object" and isinstance(values, dict):
        return f"object of {_plural(_type(values, schema))}"
    if spec.get("format") in ("path", "password"):
        return "path" if spec["format"] == "path" else "string, never shown"
    if str(spec.get("format")).startswith("ipv"):
        return "network (CIDR)"
    words = {"minimum": "from", "exclusiveMinimum": "over", "maximum": "to"}
    bounds = [f"{word} {spec[key]:,}" for key, word in words.items() if key in spec]
    return " ".join([str(spec.get("type", "template")), *bounds])


def _plural(kind: str) -> str:
    return _PLURALS.get(kind, kind)


def _errors(errors: Mapping[str, str]) -> Iterator[str]:
    yield "| type | meaning |\n| --- | --- |"
    for name, meaning in errors.items():
        shown = ", ".join(f"`{part.strip()}`" for part in name.split(","))
        yield f"| {shown} | {meaning} |"


def _example(document: object) -> str:
    return f"```json\n{json.dumps(document, indent=2, ensure_ascii=False)}\n```"


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
_SCRIPTED = {
    "provider": "scripted",
    "model": "script",
    "scripts": [
        {
            "when": "asked.agent == 'researcher'",
            "answers": [
                {"calls": [{"tool": "registry.search", "arguments": {"name": "Acme"}}]},
                {"output": {"owner": "{{ asked.results[0].owner }}", "listed": False}},
            ],
        },
        {"answers": [{"text": "I do not know."}]},
    ],
}
_MODEL = {"provider": "anthropic", "model": "claude-sonnet-4-5", "secret": "ANTHROPIC_KEY"}


def main() -> int:
    """Write the pages, or check them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    made = pages()
    stale = [name for name, text in made.items() if _read(DOCS / name) != text]
    left = [file for file in (DOCS / "steps").glob("*.md") if f"steps/{file.name}" not in made]
    if check:
        stale += [f"steps/{file.name}" for file in left]
        print("\n".join(f"docs/{name} is out of date: make reference" for name in stale))
        return 1 if stale else 0
    for name, text in made.items():
        (DOCS / name).parent.mkdir(parents=True, exist_ok=True)
        (DOCS / name).write_text(text, encoding="utf-8")
    for file in left:
        file.unlink()
    return 0


def _read(file: Path) -> str | None:
    return file.read_text(encoding="utf-8") if file.exists() else None


if __name__ == "__main__":
    sys.exit(main())
