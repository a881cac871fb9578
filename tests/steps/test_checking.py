"""Every accepted setting has an effect, and certain failures are found before a save."""

import re
from itertools import pairwise
from typing import Any

import pytest

from engine import Json
from steps.checking.advice import Known
from steps.checking.check import check_agent, check_definition, strictly_compiled
from steps.definition import compile_definition
from steps.document.problems import InvalidDefinition
from steps.language import expression
from steps.language.syntax.parser import parse
from steps.registry import Registry
from tests.harness.counted_work import calls_of

REGISTRY = Registry.built_in()
END = {"id": "end", "type": "end-flow"}
KNOWN = Known(
    tools=["send-email", "transform", "crm.find"], workflows=["check-line"], agents=["researcher"],
    models=["fast"], secrets=["SHOP_TOKEN"], servers=["crm", "away"], pure=["transform"],
)  # fmt: skip


def flow(*steps: dict[str, Any], **more: Any) -> dict[str, Any]:
    listed = [*steps, END]
    edges = [{"from": a["id"], "to": b["id"]} for a, b in pairwise(listed)]
    return {"name": "x", "initialStep": listed[0]["id"], "steps": listed, "edges": edges, **more}


def problems(document: dict[str, Any]) -> dict[str, str]:
    return {item.path: item.message for item in check_definition(document, REGISTRY).problems}


def warnings(document: dict[str, Any], known: Known = KNOWN) -> dict[str, str]:
    found = check_definition(document, REGISTRY, known)
    assert found.problems == []
    return {item.path: item.message for item in found.warnings}


ASK: dict[str, Any] = {"id": "q", "type": "request-user-action"}
FORM: dict[str, Any] = {"id": "q", "type": "collect-inputs", "output": {"a": {"type": "string"}}}
WAIT: dict[str, Any] = {"id": "q", "type": "wait", "duration": "1s"}


@pytest.mark.parametrize(
    ("step", "key", "value", "reported"),
    [
        (ASK, "timeout", "1s", "set a `deadline`"),
        (ASK, "retry", {"maxAttempts": 3}, "not tried again"),
        (ASK, "onInterrupted", "fail", "continues after a restart"),
        (FORM, "timeout", "1s", "set a `deadline`"),
        (FORM, "retry", {"maxAttempts": 3}, "not tried again"),
        (FORM, "onInterrupted", "ask", "continues after a restart"),
        (WAIT, "output", {"i": {"type": "integer", "value": "{{ 42 }}"}}, "it delivers nothing"),
        (WAIT, "timeout", "1s", "as long as `duration`"),
        (WAIT, "retry", {"maxAttempts": 3}, "not tried again"),
        (WAIT, "onInterrupted", "ask", "continues after a restart"),
    ],
)
def test_a_key_without_effect_is_refused_at_a_save_and_tolerated_where_stored(
    step: dict[str, Any], key: str, value: Any, reported: str
) -> None:
    document = flow({**step, key: value})
    found = problems(document)
    assert re.match(rf"has no effect on an? {step['type']} step: ", found[f"steps[0].{key}"])
    assert reported in found[f"steps[0].{key}"]
    with pytest.raises(InvalidDefinition):
        strictly_compiled(document, REGISTRY)
    assert compile_definition(document, REGISTRY).name == "x"


@pytest.mark.parametrize(
    ("step", "path"),
    [
        ({"id": "t", "type": "call-tool", "toolId": "{{ data.t }}"}, "toolId"),
        ({"id": "t", "type": "call-agent", "agentId": "{{ data.t }}", "message": "x"}, "agentId"),
        ({**ASK, "actionId": "{{ data.t }}"}, "actionId"),
        ({**ASK, "actions": [{"value": "{{ data.t }}"}]}, "actions[0].value"),
        ({**ASK, "name": "Pay {{ data.n }}"}, "name"),
        ({**FORM, "output": {"a": {"type": "string", "description": "of {{ data.n }}"}}}, "output.a.description"),
        ({"id": "c", "type": "call-workflow", "workflowId": "w", "version": "{{ data.v }}"}, "version"),
    ],
)  # fmt: skip
def test_a_template_in_a_literal_setting_is_refused(step: dict[str, Any], path: str) -> None:
    document = flow(step)
    assert "no {{ }} is evaluated here" in problems(document)[f"steps[0].{path}"]
    compile_definition(document, REGISTRY)


def test_a_name_without_a_visible_character_is_refused_at_a_save() -> None:
    document = {**flow({**ASK, "name": " \u200b "}), "name": "\t "}
    reported = "is blank: give a name that people can see"
    assert problems(document) == {"name": reported, "steps[0].name": reported}
    compile_definition(document, REGISTRY)


def test_filters_types_and_arguments_of_expressions_are_checked() -> None:
    document = flow(
        {"id": "t", "type": "call-tool", "toolId": "transform", "inputs": {"a": {"b": ["{{ data.x | uper }}"]}},
         "output": {"o": {"type": "string", "value": "{{ result | date_add }}"}}},
        {"id": "h", "type": "call-api", "url": "https://x.example/{{ data.x is strng }}",
         "auth": {"type": "bearer", "token": "{{ secrets.T | uper }}"}, "headers": {"X": "{{ data.s.split() }}"}},
        {**ASK, "assignees": ["{{ data.who | uper }}"], "actions": [{"value": "v", "label": "{{ data.n | uper }}"}]},
        payload={"x": {"type": "string"}, "list": {"type": "array"}, "o": {"type": "string", "required": False},
                 "deep": {"type": "object", "properties": {"n": {"type": "number"}}}},
    )  # fmt: skip
    document["edges"][0]["condition"] = "data.x > 100"
    document["edges"][1]["condition"] = (
        "data.deep.n >= 'a' or data.list < 1 or data.x | length > 'b'"
    )
    document["edges"].append({"from": "h", "to": "q"})
    document["edges"].append({"from": "t", "to": "h"})
    found = check_definition(document, REGISTRY).problems
    reported = [(item.path, item.message) for item in found]
    assert (
        "steps[0].inputs.a.b[0]",
        "{{ data.x | uper }}: there is no filter uper; did you mean upper?",
    ) in reported
    assert {path for path, _ in reported} == {
        "steps[0].inputs.a.b[0]", "steps[0].output.o.value", "steps[1].url", "steps[1].auth.token",
        "steps[1].headers.X", "steps[2].assignees[0]", "steps[2].actions[0].label",
        "edges[0].condition", "edges[1].condition",
    }  # fmt: skip
    crossings = [message for path, message in reported if path.startswith("edges")]
    assert crossings[0].startswith("`>` compares a text with a number")
    assert [message.partition(";")[0] for message in crossings[1:]] == [
        "`>=` compares a number with a text", "`<` compares a list with a number", "`>` compares a number with a text",
    ]  # fmt: skip
    compile_definition(document, REGISTRY)


BAD = "{{ data.x | uper }}"
SIGNAL: dict[str, Any] = {"id": "s", "type": "wait-for-signal", "signal": "x"}


@pytest.mark.parametrize(
    ("step", "path"),
    [
        (ASK | {"show": [BAD]}, "show[0]"),
        (ASK | {"show": [["a", BAD]]}, "show[0][1]"),
        (ASK | {"show": [{"k": BAD}]}, "show[0].k"),
        (ASK | {"show": [{"value": 1, "title": BAD}]}, "show[0].title"),
        (ASK | {"notify": [{"url": "http://a", "body": {"a": f"{{{{ pause.link }}}} {BAD}"}}]},
         "notify[0].body.a"),
        (ASK | {"notify": [{"toolId": "t", "inputs": {"a": "{{ pause.link | uper }}"}}]},
         "notify[0].inputs.a"),
        (SIGNAL | {"until": "signal.data.x | uper"}, "until"),
    ],
)  # fmt: skip
def test_an_unknown_filter_is_found_wherever_a_step_has_a_template(
    step: dict[str, Any], path: str
) -> None:
    (found,) = problems(flow(step)).items()
    assert found[0] == f"steps[0].{path}"
    assert found[1].endswith("there is no filter uper; did you mean upper?")


@pytest.mark.parametrize(
    ("more", "path"),
    [
        ({"guards": {"before": ["message | uper"]}}, "guards.before[0]"),
        ({"guards": {"after": [{"condition": "output.x | uper"}]}}, "guards.after[0].condition"),
        ({"tools": [{"tool": "t", "approval": {"when": "arguments.x | uper"}}]},
         "tools[0].approval.when"),
    ],
)  # fmt: skip
def test_an_unknown_filter_is_found_in_the_conditions_of_an_agent(
    more: dict[str, Any], path: str
) -> None:
    found = check_agent({"name": "A", "instructions": "Do.", **more}).problems
    assert [item.path for item in found] == [path]


def test_what_types_cannot_decide_is_left_to_the_run() -> None:
    document = flow(WAIT, payload={"x": {"type": "number"}})
    document["edges"][0]["condition"] = "data.x > 1 and data.y > 2 and data.x == 'a'"
    document["edges"].append({"from": "q", "to": "end"})
    assert problems(document) == {}


def test_unknown_names_are_warnings_with_the_nearest_name() -> None:
    document = flow(
        {
            "id": "t",
            "type": "call-tool",
            "toolId": "send-mail",
            "inputs": {"k": "{{ secrets.SHOP_TOKN }}"},
        },
        {"id": "w", "type": "call-workflow", "workflowId": "check-lines"},
        {"id": "a", "type": "call-agent", "agentId": "nobody", "message": "hi"},
        {"id": "m", "type": "call-llm", "model": "fats", "prompt": "{{ steps.x.output }}"},
        {"id": "k", "type": "call-tool", "toolId": "away.tool"},
        {"id": "p", "type": "call-tool", "toolId": "transform", "onInterrupted": "ask"},
    )
    assert warnings(document) == {
        "steps[0].toolId": "there is no tool send-mail now; did you mean send-email?",
        "steps[0].inputs.k": "there is no secret SHOP_TOKN now; did you mean SHOP_TOKEN?",
        "steps[1].workflowId": "there is no workflow check-lines now; did you mean check-line?",
        "steps[2].agentId": "there is no agent nobody now",
        "steps[3].model": "there is no model fats now; did you mean fast?",
        "steps[3].prompt": "there is no step x; known are a, end, k, m, p, t, w",
        "steps[5].onInterrupted": "has no effect: the tool touches nothing, so it is always called again",
    }
    assert warnings(document, Known()) == {
        "steps[3].prompt": "there is no step x; known are a, end, k, m, p, t, w"
    }


def test_missing_results_and_whole_outputs_are_warnings() -> None:
    asks = {
        **ASK,
        "message": "{{ response.body }}",
        "output": {"x": {"type": "object", "value": "{{ result }}"}},
    }
    wrong = flow(asks)
    wrong["edges"] = [
        {**edge, "condition": "steps.ask.output == 'approved'"} for edge in wrong["edges"]
    ]
    reported = {item.path: item.message for item in check_definition(wrong, REGISTRY).warnings}
    assert set(reported) == {"steps[0].message", "edges[0].condition"}, reported
    assert "there is no response here" in reported["steps[0].message"]
    assert "steps.ask.output.actionValue" in reported["edges[0].condition"]


def test_unknown_constants_variables_and_properties_are_warnings() -> None:
    form = {"id": "f", "type": "collect-inputs", "output": {
        "who": {"type": "object", "properties": {"name": {"type": "string"}}}}}  # fmt: skip
    asked = {
        **ASK,
        "message": "{{ constants.rte }} {{ constants.rate }} {{ vars.X | default(1) }} {{ vars.X }} "
        "{{ data.who.nme }} {{ data.who.other }} {{ constants.no is defined }}",
    }
    document = {**flow(form, asked), "constants": {"rate": 1}}
    reported = check_definition(document, REGISTRY, Known(variables=["Y"])).warnings
    assert [item.message for item in reported] == [
        "there is no constant rte; did you mean rate?",
        "there is no variable X now",
        "who is declared without nme; did you mean name?",
    ]


def test_unknown_keys_of_a_run_an_error_and_a_callback_are_warnings() -> None:
    reads = {"a": "{{ run.idd }}", "b": "{{ error.mesage }}", "c": "{{ run.id }} {{ error.type }}"}
    put = {"id": "put", "type": "set", "values": reads}
    waits = {"id": "s", "type": "wait-for-signal", "callback": "putt"}
    assert warnings(flow(put, waits)) == {
        "steps[0].values.a": "run has no idd; did you mean id?",
        "steps[0].values.b": "error has no mesage; did you mean message?",
        "steps[1].callback": "there is no step putt; did you mean put?",
    }
    assert warnings(flow(put | {"values": {}, "remove": ["a"]}, waits | {"callback": "put"})) == {}


def test_every_expression_that_does_not_compile_is_reported_with_its_path() -> None:
    asked = {**ASK, "id": "t", "type": "call-tool", "toolId": "transform",
             "inputs": {"a": "{{ 1 + }}", "b": [1, "{{ x.y }}"], "c": "{{ data.ok }}"}}  # fmt: skip
    paths = [item.path for item in check_definition(flow(asked), REGISTRY).problems]
    assert {"steps[0].inputs.a", "steps[0].inputs.b[1]"} <= set(paths), paths


def test_names_of_data_that_nothing_sets_are_warnings() -> None:
    form = {"id": "f", "type": "collect-inputs", "output": {"name": {"type": "string"}}}
    asked = {
        **ASK,
        "message": "{{ data.nme }} {{ data.other }} {{ data.x | default('') }} {{ data.name }}",
    }
    reported = check_definition(flow(form, asked), REGISTRY).warnings
    assert [item.message for item in reported] == [
        "neither the payload nor the output of a step has nme; did you mean name?",
        "neither the payload nor the output of a step has other",
    ]
    # Without a declared payload any name may be given: only a similar one is suspicious.
    reported = check_definition(
        flow({**WAIT, "duration": "1s"}, {**form, "id": "g"}, asked), REGISTRY
    ).warnings
    assert len(reported) == 1


@pytest.mark.parametrize(
    ("step", "name", "reported"),
    [
        ({"type": "call-api", "url": "http://x.example/"}, "ConectionFailed", "did you mean ConnectionFailed?"),
        ({"type": "call-api", "url": "http://x.example/"}, "Elsewhere", "is not an error of a call-api step"),
        ({"type": "call-api", "url": "http://x.example/"}, "HttpStatus", None),
        ({"type": "call-api", "url": "http://x.example/"}, "Timeout", None),
        ({"type": "call-tool", "toolId": "transform"}, "OutOfStock", None),
        ({"type": "call-tool", "toolId": "transform"}, "ToolFaild", "did you mean ToolFailed?"),
        ({"type": "call-llm", "prompt": "x"}, "DocumentTimeout", None),
    ],
)  # fmt: skip
def test_error_types_that_a_step_cannot_raise_are_reported(
    step: dict[str, Any], name: str, reported: str | None
) -> None:
    found = warnings(flow({"id": "s", **step, "retry": {"nonRetryableErrors": [name]}}))
    if reported is None:
        assert found == {}
    else:
        assert reported in found["steps[0].retry.nonRetryableErrors[0]"]


def test_an_agent_is_checked_too() -> None:
    document: Json = {
        "name": "  ", "instructions": "{{ inputs.x | uper }}", "model": "fats",
        "tools": ["send-mail", "crm.*", {"workflow": "check-lines", "approval": "no"}],
        "limits": {"maxTurns": "3"},
    }  # fmt: skip
    found = check_agent(document, KNOWN)
    assert {item.path for item in found.problems} == {
        "name", "instructions", "tools[2].approval", "limits.maxTurns",
    }  # fmt: skip
    assert [item.path for item in found.warnings] == ["tools[0]", "tools[2]", "model"]


CALL: dict[str, Any] = {"type": "call-workflow", "workflowId": "w"}
LLM: dict[str, Any] = {"type": "call-llm", "prompt": "?"}
SOME = {"a": {"type": "string"}}
VALUE = {"a": {"type": "integer", "value": "{{ 1 }}"}}


@pytest.mark.parametrize(
    ("step", "needless", "needed"),
    [
        (CALL, {"concurrency": 3}, {"items": "{{ data.l }}"}),
        (CALL, {"onItemError": "continue"}, {"items": "{{ data.l }}"}),
        (END, {"message": "why"}, {"status": "failed"}),
        ({**END, "status": "failed"}, {"result": {"a": 1}}, {"status": "completed"}),
        (LLM, {"repairs": 3}, {"output": SOME}),
        ({**LLM, "output": VALUE}, {"repairs": 3}, {"output": {**SOME, "b": VALUE["a"]}}),
    ],
)
def test_a_key_that_needs_another_is_refused_without_it(
    step: dict[str, Any], needless: dict[str, Any], needed: dict[str, Any]
) -> None:
    def with_step(more: dict[str, Any]) -> dict[str, Any]:
        whole = {**step, **needless, **more, "id": "q"}
        if step["type"] == "end-flow":
            return {"name": "x", "initialStep": "q", "steps": [whole]}
        return flow(whole)

    (key,) = needless
    found = problems(with_step({}))
    assert list(found) == [f"steps[0].{key}"]
    assert re.match(rf"has no effect on an? {step['type']} step: ", found[f"steps[0].{key}"])
    assert compile_definition(with_step({}), REGISTRY).name == "x"
    assert problems(with_step(needed)) == {}


def test_retry_intervals_need_more_than_one_attempt() -> None:
    retry = {"maxAttempts": 1, "initialInterval": "1s"}
    found = problems(flow({**CALL, "id": "q", "retry": retry}))
    assert list(found) == ["steps[0].retry.initialInterval"]
    assert problems(flow({**CALL, "id": "q", "retry": {**retry, "maxAttempts": 2}})) == {}


def test_each_expression_is_parsed_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read: list[str] = []

    def counted(text: str) -> Any:
        read.append(text)
        return parse(text)

    monkeypatch.setattr(expression, "parse", counted)
    step = {"id": "a", "type": "set", "values": {"total": "{{ data.n + 1 }} of {{ data.m }}"}}
    document = flow(step, payload={"n": {"type": "integer"}, "m": {"type": "integer"}})
    document["edges"] = [
        {"from": "a", "to": "end", "condition": f"data.n > {number} and data.m"}
        for number in range(40)
    ] + [{"from": "a", "to": "end", "condition": "data.n > 7 and data.m"}]
    assert problems(document) == {}
    assert len(read) == len(set(read)) == 42
    check_definition(document, REGISTRY)
    assert len(read) == 84  # nothing is cached between checks


@pytest.mark.parametrize(
    ("place", "reported"),
    [
        ({"pool": "p", "limit": 1}, {"steps[0].workflowId", "steps[1].steps[0].concurrency.pool"}),
        ({"pool": "p", "limit": 1, "key": "{{ data.x }}"}, set()),
        ({"pool": "q", "limit": 1}, set()),
        ({"pool": "p", "limit": 1, "whenFull": "refuse"}, set()),
    ],
)
def test_a_body_that_shares_the_pool_of_its_run_is_a_warning(
    place: Json, reported: set[str]
) -> None:
    body = {"concurrency": place, "steps": [{"id": "rest", "type": "wait", "duration": "1s"}]}
    call = {"id": "call", "type": "call-workflow", "workflowId": "#own"}
    part = {"id": "part", "type": "group", "steps": [{"id": "deep", "type": "group", **body}]}
    left = {**call, "id": "left", "wait": False}
    document = flow(
        call, part, left, concurrency={"pool": "p", "limit": 1}, workflows={"own": body}
    )
    assert warnings(document).keys() == reported


def test_a_sensitive_field_in_a_signal_key_is_refused() -> None:
    token = {"token": {"type": "string", "sensitive": True, "value": "{{ response.body.t }}"}}
    login = {"id": "login", "type": "call-api", "url": "https://a.example.com", "output": token}
    key = "{{ data.token }}"
    send = {"id": "send", "type": "send-signal", "signal": "s", "key": key, "data": {"t": key}}
    wait = {"id": "wait", "type": "wait-for-signal", "signal": "s", "key": key}
    reported = "data.token is sensitive, so no key may tell of it"
    assert problems(flow(login, send, wait)) == {"steps[1].key": reported, "steps[2].key": reported}


@pytest.mark.parametrize(
    ("more", "path"),
    [
        ({"tools": ["transform", "zip", {"tool": "transform", "approval": True}]}, "tools[2]"),
        ({"tools": [{"workflow": "w"}, {"workflow": "w"}]}, "tools[1]"),
        ({"handoffs": ["b", "c", "b"]}, "handoffs[2]"),
        ({"model": ""}, "model"),
    ],
)
def test_an_agent_lists_nothing_twice(more: dict[str, Any], path: str) -> None:
    agent = {"name": "a", "instructions": "x", "model": "m"}
    once = check_agent({**agent, "tools": ["transform", {"workflow": "transform"}]})
    assert once.problems == []
    assert [item.path for item in check_agent({**agent, **more}).problems] == [path]


@pytest.mark.parametrize(
    "template",
    ["{{ data.a }}", "{{ data.q# }}", "{{ steps.q#.output }}", "{{ data.v# | default(1) }}"],
)
def test_a_check_costs_in_proportion_to_the_values_of_a_step(template: str) -> None:
    def checked(count: int) -> int:
        values = {f"v{i}": template.replace("#", str(i - 1)) for i in range(count)}
        whole = flow({"id": "put", "type": "set", "values": values})
        return calls_of(lambda: check_definition(whole, REGISTRY))

    checked(1)
    assert checked(800) < 5 * checked(200)


def test_the_items_of_a_list_are_known_only_where_it_is_made() -> None:
    made: Any = {"map": "data.rows", "to": "{{ item }}"}
    put = {"id": "put", "type": "set", "values": {"a": made, "a.b": made, "ab": "{{ item }}"}}
    found = check_definition(flow(put), REGISTRY).problems
    assert [problem.path for problem in found] == ["steps[0].values.ab"]


@pytest.mark.parametrize("steps", [-1, True, 2.5, "x", {"a": 1}, [5], None])
def test_steps_that_are_no_list_of_objects_are_a_problem(steps: Any) -> None:
    found = check_definition({"name": "x", "steps": steps}, REGISTRY).problems
    assert any(problem.path.startswith("steps") for problem in found)


@pytest.mark.parametrize(
    ("step", "told"),
    [
        ({"type": "call-workflow", "workflowId": []}, "workflowId: must be a text, not a list"),
        ({"type": "call-workflow", "workflowId": 5}, "workflowId: must be a text, not a number"),
        ({"type": "wait-for-signal", "signal": "s", "key": True}, "key: must be a text or a number, not a boolean"),
        ({"type": "send-signal", "signal": "s", "key": {"a": 1}}, "key: must be a text or a number, not an object"),
        ({"type": "send-signal", "signal": "s", "key": None}, "key: must be a text or a number, not null"),
    ],
)  # fmt: skip
def test_a_name_that_is_a_constant_of_another_kind_is_refused(
    step: dict[str, Any], told: str
) -> None:
    found = check_definition(flow({"id": "a", **step}), REGISTRY).problems
    assert [str(problem) for problem in found] == [f"steps[0].{told}"]
