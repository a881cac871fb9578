"""OAuth 2.0 tokens: shared, kept until they expire, and fetched again when refused."""

import asyncio
import base64
import json
from collections.abc import Sequence
from typing import Any

import pytest

from app.outbound.oauth import OAuthTokens
from steps import Done, HttpRequest, HttpResponse, StepBroke
from steps.call_api import CallApi
from steps.effects.outgoing import TokenRequest
from steps.testing import FakeEffects, StepTrial, http_response

WANTED = TokenRequest("https://id.example/token", "shop&co", "s3cret/1", "orders:read", "api")


class Giver:
    """A token server, a clock, and the values registered for masking."""

    def __init__(self, *answers: HttpResponse) -> None:
        self.answers = list(answers)
        self.asked: list[HttpRequest] = []
        self.concealed: list[tuple[str, str]] = []
        self.now = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.tokens = OAuthTokens(self, self, lambda *reported: self.concealed.append(reported))  # type: ignore[arg-type]

    def now_ms(self) -> int:
        return self.now

    async def send(self, request: HttpRequest, tenant: str) -> HttpResponse:
        self.asked.append(request)
        await self.gate.wait()
        return self.answers.pop(0)

    async def get(self, refused: str | None = None, tenant: str = "acme") -> str:
        return await self.tokens.token(tenant, WANTED, refused)


def given(token: Any, **more: Any) -> HttpResponse:
    return http_response(json={"access_token": token, "token_type": "Bearer", **more})


async def test_a_token_is_used_until_a_little_before_it_expires() -> None:
    giver = Giver(given("first", expires_in=3600), given("second", expires_in="3600"))
    assert [await giver.get(), await giver.get()] == ["first", "first"]
    giver.now = 3_569_999
    assert await giver.get() == "first"
    giver.now = 3_570_000
    assert await giver.get() == "second"
    assert giver.concealed == [("acme", "first"), ("acme", "second")]


async def test_a_token_is_requested_by_a_form_with_the_credentials() -> None:
    giver = Giver(given("first"))
    await giver.get()
    (request,) = giver.asked
    assert (request.method, request.url, request.confidential) == ("POST", WANTED.url, True)
    assert request.form == {
        "grant_type": "client_credentials", "scope": "orders:read", "audience": "api",
    }  # fmt: skip
    pair = base64.b64decode(request.headers["Authorization"].removeprefix("Basic "))
    assert pair == b"shop%26co:s3cret%2F1"


async def test_credentials_may_be_form_fields() -> None:
    giver = Giver(given("first"))
    await giver.tokens.token(
        "acme", TokenRequest("https://a.example", "id", "key", in_body=True), None
    )
    (request,) = giver.asked
    assert request.form == {
        "grant_type": "client_credentials", "client_id": "id", "client_secret": "key",
    }  # fmt: skip
    assert "Authorization" not in request.headers


async def test_one_fetch_serves_all_callers_and_survives_a_cancel() -> None:
    giver = Giver(given("first"), given("others"))
    giver.gate.clear()
    waiting = [asyncio.create_task(giver.get()) for _ in range(20)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    await asyncio.sleep(0)
    giver.gate.set()
    assert list(await asyncio.gather(*waiting[1:])) == ["first"] * 19
    assert len(giver.asked) == 1
    assert await giver.get(tenant="globex") == "others", "tenants share no token"


async def test_a_refused_token_is_fetched_again_once() -> None:
    giver = Giver(given("first", expires_in=3600), given("second", expires_in=3600))
    await giver.get()
    both = await asyncio.gather(giver.get("first"), giver.get("first"))
    assert list(both) == ["second", "second"]
    assert await giver.get("first") == "second", "who comes late gets the one that is new already"
    assert len(giver.asked) == 2


WRONG: list[tuple[HttpResponse, str, bool]] = [
    (http_response(401, json={"error": "invalid_client", "error_description": "no such"}),
     "status 401; invalid_client; no such", False),
    (http_response(503), "status 503", True),
    (HttpResponse(200, {}, b"[" * 90_000), "gave no bearer token", False),
    (http_response(429), "status 429", True),
    (http_response(json={"token_type": "Bearer"}), "no bearer token", False),
    (given("a\nb"), "no bearer token", False),
    (given(""), "no bearer token", False),
    (given("x", token_type="mac"), "no bearer token", False),
    (http_response(content=b"<html>"), "no bearer token", False),
]  # fmt: skip


@pytest.mark.parametrize(("answer", "reported", "retryable"), WRONG)
async def test_a_failed_fetch_is_reported_with_its_reason(
    answer: HttpResponse, reported: str, retryable: bool
) -> None:
    giver = Giver(answer, given("later"))
    with pytest.raises(StepBroke, match=reported) as broke:
        await giver.get()
    assert (broke.value.error.type, broke.value.error.retryable) == ("TokenRefused", retryable)
    assert await giver.get() == "later", "the failure is not kept"


@pytest.mark.parametrize("lasts", ["soon", -1, True, None, float("nan")])
async def test_an_invalid_expiry_is_treated_as_unknown(lasts: Any) -> None:
    body = json.dumps({"access_token": "first", "expires_in": lasts}).encode()
    giver = Giver(HttpResponse(200, {}, body), given("second"))
    await giver.get()
    giver.now = 269_000
    assert await giver.get() == "first"
    giver.now = 271_000
    assert await giver.get() == "second"


STEP: dict[str, Any] = {
    "url": "https://shop.example/orders",
    "auth": {"type": "oauth2", "tokenUrl": "https://id.example/token", "clientId": "shop",
             "clientSecret": "{{ secrets.SHOP }}", "scope": "orders"},
}  # fmt: skip


async def called(tokens: Sequence[str], *statuses: int) -> tuple[FakeEffects, Any]:
    answers = [http_response(status, json={}) for status in statuses]
    effects = FakeEffects(tokens=tokens, secrets={"SHOP": "key"}, responses=answers)
    trial = StepTrial(CallApi(), STEP, effects=effects)
    try:
        return effects, await trial.execute()
    except StepBroke as broke:
        return effects, broke


async def test_a_step_sends_the_token_and_a_new_one_after_a_refusal() -> None:
    effects, outcome = await called(["first", "second"], 401, 200)
    assert isinstance(outcome, Done)
    sent = [request.headers["Authorization"] for request in effects.requests]
    assert sent == ["Bearer first", "Bearer second"]
    assert {request.headers["Idempotency-Key"] for request in effects.requests} == {"run-1:step:1"}
    assert all(request.confidential for request in effects.requests)


async def test_a_token_that_is_refused_again_fails_the_step() -> None:
    effects, outcome = await called(["first", "second"], 401, 401)
    assert isinstance(outcome, StepBroke)
    assert outcome.error.type == "HttpStatus"
    assert len(effects.requests) == 2
