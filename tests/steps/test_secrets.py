"""Expressions may name secrets only in settings of outgoing calls, and never show a value."""

from typing import Any

import pytest

from engine import Json
from steps.call_tool import CallTool
from steps.contract.step_type import StepBroke
from steps.definition import compile_definition
from steps.document.edge_condition import condition
from steps.document.problems import InvalidDefinition
from steps.language.expression import Expression, ExpressionError
from steps.language.template import SecretTemplate, Template
from steps.registry import Registry
from steps.secrets import secret_scope
from steps.testing import FakeEffects, StepTrial

CANARY = 'canary"7/2 + x'
SCOPE: dict[str, Json] = {"secrets": {"KEY": CANARY, "B": "other"}, "data": {"l": [1]}}


@pytest.mark.parametrize(
    "text",
    ["secrets", "secrets['KEY']", "secrets[data.x]", "secrets.KEY.x", "secrets.KEY[:2]",
     "secrets.KEY ~ secrets.B[1:]", "secrets.KEY ~ (secrets | length)", "secrets | attr('KEY')",
     "{'a': secrets}", "secrets.KEY.upper()", "secrets == 1", "secrets if secrets.KEY else 1",
     "secrets ['KEY']", "[secrets][0].KEY"],
)  # fmt: skip
def test_a_secret_must_be_named_literally(text: str) -> None:
    with pytest.raises(ExpressionError, match=r"secrets\.NAME"):
        Expression(text, may_name_secrets=True)


def test_templates_list_the_secrets_they_name() -> None:
    source: Json = {
        "a": ["{{ secrets.KEY }}", "x {{ secrets.B ~ secrets.KEY }}"],
        "b": "{{ data.l }}",
    }
    template = SecretTemplate(source)
    assert template.secrets == {"KEY", "B"}
    assert template.render(SCOPE) == {"a": [CANARY, f"x other{CANARY}"], "b": [1]}
    assert Template("{{ data.secrets }} secrets.KEY").secrets == frozenset()


@pytest.mark.parametrize(
    "text", ["secrets.KEY", "secrets", "data.x ~ secrets['KEY']", "secrets.K[:1]"]
)
def test_an_error_names_the_settings_that_may_use_secrets(text: str) -> None:
    with pytest.raises(ExpressionError, match="inputs of call-tool"):
        Template("{{ " + text + " }}")
    with pytest.raises(ExpressionError, match="inputs of call-tool"):
        condition(text)


@pytest.mark.parametrize(
    "text",
    ["secrets.KEY | int", "secrets.KEY / 2", "secrets.KEY | float", "-secrets.KEY", "secrets.KEY()",
     "secrets.KEY | from_json", "secrets.KEY | date_add('1d')", "secrets.KEY | date_format('%Y')",
     "'2026-01-01' | date_add(secrets.KEY)", "range(secrets.KEY)", "data[secrets.KEY]",
     "data.l[secrets.KEY]", "secrets.KEY * 10**9", "secrets.KEY is nosuch", "secrets.KEY | nosuch",
     "secrets.items()", "secrets.KEY < 1", "secrets.NONE", "secrets.KEY | replace(1)", "'x' | split(secrets.KEY, 1, 2, 3)",
     "secrets.KEY | batch(0)", "secrets.KEY | dictsort", "data.l | map(secrets.KEY) | list", "data.l | select(secrets.KEY) | list"],
)  # fmt: skip
def test_no_error_shows_a_value(text: str) -> None:
    assert "canary" not in outcome_of(text)


def outcome_of(text: str) -> str:
    try:
        return str(Expression(text, may_name_secrets=True).evaluate(SCOPE))
    except ExpressionError as failed:
        return f"{failed} {failed.__cause__}"


def test_an_expression_gets_only_the_secrets_it_names() -> None:
    shown = Expression("secrets.KEY | default('none')", may_name_secrets=True)
    assert shown.evaluate({"secrets": {"OTHER": "x"}}) == "none"


async def test_secrets_are_fetched_by_name_when_a_step_is_executed() -> None:
    templates: list[Any] = [None, SecretTemplate("{{ secrets.A }}"), {"x": SecretTemplate("y")}]
    effects = FakeEffects(secrets={"A": "1", "B": "2"})
    assert await secret_scope(templates, effects) == {"A": "1"}
    effects = FakeEffects(secrets={"KEY": CANARY}, tool_results={"t": {"ok": True}})
    step = StepTrial(CallTool(), {"toolId": "t", "inputs": {"a": "{{ secrets.KEY }}"}}, effects)
    outcome = await step.execute()
    assert effects.tool_uses[0].arguments == {"a": CANARY}
    assert CANARY not in str(outcome)
    effects.secrets = {}
    with pytest.raises(StepBroke, match="there is no secret KEY"):
        await step.execute()


def problems(**changes: Any) -> list[str]:
    step = {"id": "call", "type": "call-api", "url": "https://api.example.com", **changes}
    document: Json = {"name": "Secret", "initialStep": "call", "steps": [step, {"id": "end", "type": "end-flow"}],
                "edges": [{"from": "call", "to": "end"}]}  # fmt: skip
    try:
        compile_definition(document, Registry.standard())
    except InvalidDefinition as invalid:
        return [problem.path for problem in invalid.problems]
    return []


NAMED = "{{ secrets.KEY }}"


@pytest.mark.parametrize(
    "setting",
    [{"url": f"https://x.example/{NAMED}"}, {"headers": {"a": NAMED}}, {"query": {"a": NAMED}},
     {"body": {"a": [NAMED]}}, {"form": {"a": NAMED}}, {"multipart": {"a": NAMED}}, {"text": NAMED},
     {"auth": {"type": "bearer", "token": NAMED}}],
)  # fmt: skip
def test_the_settings_of_call_api_may_name_secrets(setting: dict[str, Any]) -> None:
    assert problems(**setting) == []


@pytest.mark.parametrize(
    ("setting", "path"),
    [({"file": NAMED}, "steps[0].file"),
     ({"output": {"a": {"type": "string", "value": NAMED}}}, "steps[0].output.a.value"),
     ({"headers": {"a": "{{ secrets }}"}}, "steps[0].headers.a")],
)  # fmt: skip
def test_other_settings_may_not(setting: dict[str, Any], path: str) -> None:
    assert problems(**setting) == [path]
