"""Tool calls that a model writes into its text in the format of its template."""

import json

import pytest

from app.llm.written_calls import written_calls
from steps.effects.chat import ToolSpec
from tests.app.llm.test_model_answers import ARGUMENTS, TEXT, answer_of

TOOLS = (
    ToolSpec(
        "deliver", "", {"properties": {"name": {"type": "string"}, "age": {"type": "integer"}}}
    ),
    ToolSpec("add", "", {}),
)
WRITTEN = json.dumps({"name": "deliver", "arguments": ARGUMENTS})


@pytest.mark.parametrize(
    "text",
    [
        f"<tool_call>\n{WRITTEN}\n</tool_call>",
        f"<tool_call>{WRITTEN}",
        f"<function_call>{json.dumps({'name': 'deliver', 'parameters': TEXT})}</function_call>",
        f"[TOOL_CALLS] [{WRITTEN}]",
        f"[TOOL_CALLS]deliver[ARGS]{TEXT}",
        f"<|python_tag|>{WRITTEN}",
        f"```json\n{WRITTEN}\n```",
        f"<function=deliver>{TEXT}</function>",
        json.dumps({"type": "function", "function": {"name": "deliver", "arguments": ARGUMENTS}}),
        ("<tool_call>deliver\n<arg_key>name</arg_key>\n<arg_value>Ada</arg_value>\n"
        "<arg_key>age</arg_key>\n<arg_value>36</arg_value>\n</tool_call>"),
        ("<tool_call>\n<function=deliver>\n<parameter=name>\nAda\n</parameter>\n<parameter=age>\n36\n"
        "</parameter>\n</function>\n</tool_call>"),
    ],
)  # fmt: skip
def test_calls_written_in_the_format_of_a_template_are_calls(text: str) -> None:
    ((name, arguments),) = written_calls(text, TOOLS)
    assert (name, json.loads(arguments)) == ("deliver", ARGUMENTS)
    assert written_calls(text, ()) == written_calls(text, TOOLS[1:]) == []


def test_calls_amid_other_text_are_quotations() -> None:
    for text in (
        f"The mail says: <tool_call>{WRITTEN}</tool_call>",
        f"<tool_call>{WRITTEN}</tool_call> was in the mail",
        f"<tool_call>{WRITTEN}</tool_call><tool_call>nothing</tool_call>",
        f"{WRITTEN} and more",
        json.dumps({"name": "deliver", "arguments": ARGUMENTS, "note": "x"}),
        TEXT,
    ):
        assert written_calls(text, TOOLS) == []
    both = f"<tool_call>{WRITTEN}</tool_call>\n<tool_call>{WRITTEN}</tool_call>"
    assert len(written_calls(both, TOOLS)) == 2


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
async def test_a_written_call_of_either_format_is_a_call(provider: str) -> None:
    text = f"<think>so</think><tool_call>{WRITTEN}</tool_call>"
    choices = [{"message": {"content": text}, "finish_reason": "stop"}]
    blocks = [{"type": "text", "text": text}]
    body = json.dumps({"choices": choices, "content": blocks, "stop_reason": "end_turn"}).encode()
    answer = await answer_of(body, provider=provider, tools=TOOLS)
    assert (answer.text, answer.finish) == ("", "tool_calls")
    assert [(c.name, c.arguments) for c in answer.tool_calls] == [("deliver", ARGUMENTS)]
