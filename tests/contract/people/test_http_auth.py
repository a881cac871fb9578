"""`auth` of a request: each type as the receiver sees it, and the problems that are reported."""

import base64
from typing import Any

import pytest

from steps.definition import compile_definition
from steps.document.problems import InvalidDefinition
from steps.registry import Registry
from tests.contract.steps.test_steps import start
from tests.harness.echo import Echo
from tests.harness.server import Server

EDGES = [{"from": "call", "to": "end"}]


def step(address: str, auth: Any) -> dict[str, Any]:
    return {
        "id": "call",
        "type": "call-api",
        "method": "POST",
        "url": f"{address}/200",
        "auth": auth,
    }


@pytest.mark.parametrize(
    ("auth", "header", "sent"),
    [
        (
            {"type": "basic", "username": "{{ data.user }}", "password": "p:w"},
            "authorization",
            f"Basic {base64.b64encode(b'ada:p:w').decode()}",
        ),
        ({"type": "bearer", "token": "t-{{ data.user }}"}, "authorization", "Bearer t-ada"),
        ({"type": "header", "name": "X-{{ data.user }}-Key", "value": 7}, "x-ada-key", "7"),
    ],
    ids=["basic", "bearer", "header"],
)
def test_the_header_is_sent(shared: Server, auth: Any, header: str, sent: str) -> None:
    with Echo() as echo:
        assert start(shared, [step(echo.address, auth)], EDGES, user="ada")["status"] == "completed"
        assert echo.seen[0]["headers"][header] == sent


def test_a_user_name_with_a_colon_is_refused(shared: Server) -> None:
    auth = {"type": "basic", "username": "{{ data.user }}", "password": "p"}
    with Echo() as echo:
        error = start(shared, [step(echo.address, auth)], EDGES, user="a:b")["error"]
        assert (error["type"], echo.seen) == ("InvalidRequest", [])
        assert "auth.username has a colon" in error["message"]


def test_a_template_that_returns_no_text_is_reported(shared: Server) -> None:
    auth = {"type": "bearer", "token": "{{ data.tokens }}"}
    with Echo() as echo:
        error = start(shared, [step(echo.address, auth)], EDGES, tokens=[])["error"]
        assert (error["type"], echo.seen) == ("InvalidRequest", [])
        assert error["message"].startswith("auth.token must be a text")


@pytest.mark.parametrize(
    ("auth", "problems"),
    [
        ({}, {"type": "must be basic, bearer, header or oauth2"}),
        ({"type": "bsic"}, {"type": "must be basic, bearer, header or oauth2"}),
        ({"type": ["basic"]}, {"type": "must be basic, bearer, header or oauth2"}),
        ({"type": "basic", "username": "a"}, {"password": "is required"}),
        (
            {"type": "bearer", "token": "t", "tokn": 1},
            {"tokn": "is not a known key; did you mean token?"},
        ),
    ],
)
def test_each_problem_is_reported_at_its_key(auth: Any, problems: dict[str, str]) -> None:
    steps = [step("https://x.example", auth), {"id": "end", "type": "end-flow"}]
    document: Any = {"name": "Auth", "initialStep": "call", "steps": steps, "edges": EDGES}
    with pytest.raises(InvalidDefinition) as invalid:
        compile_definition(document, Registry.built_in())
    found = {item.path: item.message for item in invalid.value.problems}
    assert found == {f"steps[0].auth.{key}": reported for key, reported in problems.items()}
