"""Models in a journal of their own, for tests that call them within the test process."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from app.clock import SystemClock
from app.llm.catalogue import Models
from app.settings.server import Settings
from journal import Journal
from steps.contract.step_type import StepBroke
from steps.effects.chat import ChatAnswer, ChatRequest, Message, TextPart
from tests.harness.model_server import ModelServer

KEY = "canary-key-0123456789"
PROVIDERS = ["openai", "anthropic"]


async def secret_of(tenant: str, name: str) -> str:
    if name == "model-key":
        return KEY
    raise StepBroke("UnknownSecret", f"there is no secret {name!r}", retryable=False)


@asynccontextmanager
async def models_of(folder: Path, **settings: Any) -> AsyncIterator[tuple[Models, Journal]]:
    journal = await Journal.open(folder / "data")
    models = Models(Settings(**settings), journal.models, secret_of, SystemClock())
    try:
        yield models, journal
    finally:
        await models.close()
        await journal.close()


def model(server: ModelServer, provider: str, **more: Any) -> dict[str, Any]:
    address = server.openai if provider == "openai" else server.anthropic
    return {
        "provider": provider,
        "model": "m",
        "baseUrl": address,
        "secret": "model-key",
        "retries": 0,
        **more,
    }


def says(text: str, **more: Any) -> ChatRequest:
    return ChatRequest(None, (Message("user", (TextPart(text),)),), **more)


async def ask(folder: Path, server: ModelServer, provider: str, request: ChatRequest, **more: Any) -> ChatAnswer:  # fmt: skip
    async with models_of(folder, models={"m": model(server, provider, **more)}) as (models, _):
        return await models.chat("acme", request)
