"""A definition compiles, or all its problems are reported at once."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from app.execution.answering.repairs import check_edits
from engine import JsonObject, OnInterrupted
from steps.collect_inputs import CollectInputs, CollectInputsSettings
from steps.contract.step_type import InvalidAnswer, Problem, StepBroke, StepInput
from steps.definition import compile_definition
from steps.document import edges as edges_module
from steps.document.problems import InvalidDefinition
from steps.end_flow import EndFlow
from steps.language.nearest import did_you_mean
from steps.registry import Registry
from steps.testing import StepTrial
from tests.harness.counted_work import calls_of, lines_of
from tests.harness.growing_cost import cost_ratio

REGISTRY = Registry.built_in()
END = {"id": "end", "type": "end-flow"}


def problems(document: Any) -> dict[str, str]:
    with pytest.raises(InvalidDefinition) as invalid:
        compile_definition(document, REGISTRY)
    return {item.path: item.message for item in invalid.value.problems}


def test_an_unknown_key_hides_nothing() -> None:
    found = problems(
        {
            "nmae": "x",
            "initialStep": "ask",
            "maxStepExecutions": 0,
            "steps": [{"id": "ask", "type": "collect-inputs", "deadline": "2d", "output": {}}, END],
            "edges": [
                {"from": "ask", "to": "end", "if": "x"},
                {"from": "ask", "to": "q", "conditon": "true"},
                {"from": "ask", "on": "never", "to": "end"},
                {"from": "end", "to": "ask", "condition": "1 +"},
            ],
        }
    )
    assert found["nmae"] == "is not a known key; did you mean name?"
    assert found["name"] == "is required"
    assert "must be at least 1" in found["maxStepExecutions"]
    assert found["edges[0].if"].startswith("is not a known key; here it is condition")
    assert found["edges[1].conditon"] == "is not a known key; did you mean condition?"
    assert found["edges[1].to"].startswith("there is no step q")
    assert "must be 'success'" in found["edges[2].on"]
    assert found["edges[3].from"] == "step end ends the run"
    assert "the expression '1 +' failed" in found["edges[3].condition"]
    assert found["steps[0].deadline"].startswith("a deadline needs an edge")


def test_a_misspelt_input_type_is_reported_also_in_a_body() -> None:
    odd = {"initialStep": "end", "steps": [END], "payload": {"n": {"type": "nmber"}}}
    assert "must be one of" in problems({"name": "x", **odd})["payload.n.type"]
    inner = problems({**odd, "name": "x", "payload": {}, "workflows": {"part": odd}})
    assert "must be one of" in inner["workflows.part.payload.n.type"]


def test_unknown_keys_cost_in_proportion_to_their_number() -> None:
    """Only reported problems get hints. Hints are counted in calls, the rest in processor time."""

    def unknown(keys: int) -> Callable[[], dict[str, str]]:
        return lambda: problems({f"k{i}": 1 for i in range(keys)})

    assert cost_ratio(lambda keys: unknown(keys)(), 2_000) < 32
    assert calls_of(unknown(2_000)) < 2_000 * 30


def test_unrequested_fields_cost_in_proportion_to_their_number() -> None:
    step_type, settings = CollectInputs(), CollectInputsSettings()
    given = StepInput(
        "r", "f", 1, 1, "key", {"data": {}}, {"name": {"type": "string"}}, OnInterrupted.RETRY
    )
    pause: JsonObject = {"fields": {"name": {}}}

    def answered() -> None:
        with pytest.raises(InvalidAnswer) as odd:
            step_type.accept(settings, given, pause, {"data": {f"k{i}": 1 for i in range(2_000)}})
        assert "name" in odd.value.problems[0].message

    assert calls_of(answered) < 2_000 * 30


def test_names_to_be_removed_cost_in_proportion_to_their_number() -> None:
    document: Any = {"name": "F", "initialStep": "end", "steps": [END], "payload": {"a.b": {"type": "string"}}}  # fmt: skip
    definition = compile_definition(document, REGISTRY)
    before: JsonObject = {f"name{i}": i for i in range(8_000)}

    gone = [f"namex{i}" for i in range(500)]
    edits: JsonObject = {**before, "a.b": 1}

    def changed(removed: list[str]) -> Sequence[Problem]:
        with pytest.raises(InvalidAnswer) as odd:
            check_edits(definition, before, edits, removed)
        return odd.value.problems

    assert [problem.path for problem in changed([])] == ["data.a.b"]
    reported = [problem.message for problem in changed(gone)]
    assert reported[0].endswith("?")
    assert reported[9] == "the run has no data namex9"
    assert lines_of(lambda: changed(gone)) < 8_000 * 60


def test_the_nearest_key_of_an_inner_part_is_named() -> None:
    step = {"id": "a", "type": "call-api", "url": "http://x.example/", "retry": {"maxAttemps": 2}}
    found = problems(
        {
            "name": "x",
            "initialStep": "a",
            "steps": [step, END],
            "edges": [{"from": "a", "to": "end"}],
        }
    )
    assert found["steps[0].retry.maxAttemps"] == "is not a known key; did you mean maxAttempts?"


@pytest.mark.parametrize("odd", [None, 5, True, {"a": None}, [1], ""])
def test_an_id_or_a_type_that_is_no_text_is_told_once_and_never_as_a_known_one(odd: Any) -> None:
    wait = {"id": "a", "type": "wait", "duration": "1s"}
    edges = [{"from": "a", "to": "end", "condition": "steps.b is defined"}]
    whole = {"name": "x", "initialStep": "a", "steps": [wait, END], "edges": edges}
    known = "; known are end"
    assert all(
        message == f"there is no step a{known}"
        for path, message in problems({**whole, "steps": [{**wait, "id": odd}, {**END}]}).items()
        if path != "steps[0].id"
    )
    twice = problems({**whole, "steps": [wait, END, {**wait, "id": odd}, {**wait, "id": odd}]})
    assert "taken" not in twice["steps[2].id"]
    assert odd == "" or "taken" not in twice["steps[3].id"]
    typed = problems({**whole, "steps": [{**wait, "type": odd}, END]})
    assert typed["steps[0].type"].startswith("must be the name of a step type: one of call-agent, ")
    if odd is not None:
        begun = problems({**whole, "initialStep": odd})
        assert begun == {
            "initialStep": "must have at least 1 character"
            if odd == ""
            else "must be the id of a step that stands among the others"
        }


@pytest.mark.parametrize("steps", ["no list", [], [1], None])
def test_problems_are_reported_also_without_steps(steps: Any) -> None:
    assert any(
        path.startswith("steps")
        for path in problems({"name": "x", "initialStep": "a", "steps": steps})
    )


def many_wrong_edges(count: int) -> dict[str, Any]:
    ids = [f"s{number:04d}" + "q" * 120 for number in range(300)]
    return {
        "name": "x", "initialStep": ids[0], "steps": [{"id": name, "type": "end-flow"} for name in ids],
        "edges": [{"from": f"{number}", "to": f"{number}"} for number in range(count)],
    }  # fmt: skip


def test_of_many_wrong_edges_some_are_reported_at_proportional_cost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hints: list[int] = []

    def counted(word: str, known: Any) -> str:
        hints.append(len(list(known)))
        return did_you_mean(word, known)

    monkeypatch.setattr(edges_module, "did_you_mean", counted)
    costs = []
    for count in (1_000, 4_000):
        hints.clear()
        with pytest.raises(InvalidDefinition) as invalid:
            compile_definition(many_wrong_edges(count), REGISTRY)
        costs.append(sum(hints))
        assert len(invalid.value.problems) == 51
        more = 2 * count - 50
        assert invalid.value.problems[-1] == Problem(
            "", f"there are {more} more problems; they are reported once these are fixed"
        )
        assert sum(len(item.message) for item in invalid.value.problems) < 200_000
    assert costs[0] == costs[1] <= 60 * 300


def test_of_many_valid_values_some_are_listed_with_the_nearest() -> None:
    known = [f"step-{number}" for number in range(1_000)]
    assert did_you_mean("zzz", known).endswith("and 970 more")
    assert did_you_mean("step-99", known) == "; did you mean step-99?"


@pytest.mark.parametrize("result", [{"a": 1}, "{{ data.x }}"])
def test_a_result_is_an_object_or_evaluates_to_one(result: Any) -> None:
    document: Any = {"name": "X", "initialStep": "end", "steps": [{**END, "result": result}]}
    compile_definition(document, Registry.built_in())


@pytest.mark.parametrize("result", ["text", "a {{ data.x }}", [1], 5, None])
def test_a_result_that_is_not_an_object_is_refused(result: Any) -> None:
    document: Any = {"name": "X", "initialStep": "end", "steps": [{**END, "result": result}]}
    with pytest.raises(InvalidDefinition, match="must be an object of templates, or a template"):
        compile_definition(document, Registry.built_in())


@pytest.mark.parametrize(
    ("given", "failure"),
    [
        ({"message": "{{ data.odd }}"}, "EndedAsFailed: [null, true]"),
        ({"message": "no", "errorType": "{{ data.odd[0] }}"}, "InvalidOutput: errorType must be a word"),
        ({"message": "no", "errorType": "{{ data.odd[1] }}"}, "InvalidOutput: errorType must be a word"),
        ({"message": "no", "errorType": "{{ 'Out' }}"}, "Out: no"),
    ],
)  # fmt: skip
async def test_the_failure_at_the_end_is_what_the_templates_give(
    given: dict[str, Any], failure: str
) -> None:
    step = StepTrial(EndFlow(), {"status": "failed", **given}, data={"odd": [None, True]})
    with pytest.raises(StepBroke) as broke:
        await step.execute()
    error = broke.value.error
    assert f"{error.type}: {error.message}".startswith(failure)
