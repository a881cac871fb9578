"""Lists the available models and asks them; nothing else asks a model."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Literal, TypeAlias, TypeVar
from urllib.parse import urlsplit

from app.clock import Clock
from app.concurrency.offload import offload
from app.llm import anthropic_chat, embeddings, openai_chat, scripted_chat
from app.llm.embeddings import Embedded
from app.llm.endpoint import Endpoint, further_headers
from app.llm.failures import Asked, BrokenAnswer, broke, came_broken
from app.llm.prices import priced
from app.outbound.lookups import asking
from app.outbound.network import EVERYWHERE, Network
from app.outbound.way_out import WayOut
from app.settings.llm import ModelDocument, ModelSettings
from app.settings.server import Settings
from app.telemetry import log
from engine.value import value
from journal import ModelTable
from steps.contract.step_type import StepBroke
from steps.effects.chat import ANSWER_TOOL, ChatAnswer, ChatRequest, ToolSpec
from steps.language.nearest import did_you_mean
from steps.models.headers import REFERENCE, merged_headers

T = TypeVar("T")

SecretOf: TypeAlias = Callable[[str, str], Awaitable[str]]
"""Returns a tenant's secret by its name. Raises `StepBroke` if there is none."""

_ASK: dict[str, Callable[[Endpoint, ChatRequest], Awaitable[ChatAnswer]]] = {
    "openai": openai_chat.ask,
    "anthropic": anthropic_chat.ask,
    "scripted": scripted_chat.ask,
}
_BASE_URLS = {
    "openai": openai_chat.BASE_URL,
    "anthropic": anthropic_chat.BASE_URL,
}


_LONG = 4_000
_KEPT = 200


@value(frozen=True, slots=True)
class _Way:
    """What is needed to reach a model, opened for one request."""

    key: str | None
    headers: dict[str, str]
    retries: int
    hidden: tuple[str, ...]
    on_text: Callable[[str], None] = lambda _: None


@value(frozen=True, slots=True)
class KnownModel:
    """A model that a tenant's definitions may name."""

    name: str
    settings: ModelDocument
    source: Literal["settings", "tenant"]
    is_default: bool

    @property
    def base_url(self) -> str:
        """The address at which the model is served; empty for one that is scripted."""
        return self.settings.baseUrl or _BASE_URLS.get(self.settings.provider, "")


class Models:
    """The models of the settings, which all tenants share, and each tenant's own models."""

    def __init__(
        self,
        settings: Settings,
        table: ModelTable,
        secret_of: SecretOf,
        clock: Clock,
        way: WayOut | None = None,
    ) -> None:
        self._way = way or WayOut()
        self._settings = settings
        self._table = table
        self._secret_of = secret_of
        self._clock = clock
        self._clients: dict[str, Any] = {}
        self._read: dict[str, ModelDocument] = {}

    async def look_for_default(self) -> None:
        """Log that the model named by the setting `default_model` does not exist, if so."""
        name = self._settings.default_model
        if name in (None, *self._settings.models) or await self._table.is_named(str(name)):
            return
        log.unknown_default_model(str(name), ", ".join(sorted(self._settings.models)))

    async def known(self, tenant: str) -> list[KnownModel]:
        """List the models of a tenant by name; a tenant's own model hides one of the settings."""
        found: dict[str, ModelDocument] = dict(self._settings.models)
        own = await self._table.all(tenant)
        found |= {row.name: await self._parsed(row.document) for row in own}
        names, default = {row.name for row in own}, self._default(found)
        return [
            KnownModel(name, model, "tenant" if name in names else "settings", name == default)
            for name, model in sorted(found.items())
        ]

    async def _parsed(self, document: str) -> ModelDocument:
        """Return a stored model, parsed; scripts take long to parse, so the newest are cached."""
        found = self._read.pop(document, None)
        if found is None:
            read = partial(ModelDocument.model_validate_json, document)
            found = await offload(read) if len(document) > _LONG else read()
        self._read[document] = found
        while len(self._read) > _KEPT:
            del self._read[next(iter(self._read))]
        return found

    async def chat(
        self,
        tenant: str,
        request: ChatRequest,
        *,
        may_retry: bool = True,
        on_text: Callable[[str], None] | None = None,
    ) -> ChatAnswer:
        """Ask a model once; repeat after temporary failures, as the model's document says.

        `on_text` receives the pieces of a text that comes as a stream.

        Raises:
            StepBroke: No usable answer came; the type says why.
        """
        model = await self.named(tenant, request.model)
        request = _by_tool(request, model.settings)
        way = await self._way_to(tenant, model.settings, may_retry=may_retry)
        way = replace(way, headers=merged_headers(way.headers, request.headers))
        way = way if on_text is None else replace(way, on_text=on_text)
        try:
            return await self._asked(tenant, model, way, request)
        except StepBroke as broke:
            # Not every compatible endpoint knows `tool_choice`, and with it some models do not
            # think.
            if request.tool_choice is None or not _is_about_choice(broke):
                raise
        return await self._asked(tenant, model, way, replace(request, tool_choice=None))

    async def alternatives(self, tenant: str, request: ChatRequest) -> list[ChatRequest]:
        """Return the requests to try in order: the given one, and one for each fallback model."""
        names: Sequence[str] = request.fallback
        if not names:
            known = await self.known(tenant)
            named = (
                m
                for m in known
                if m.name == request.model or (request.model is None and m.is_default)
            )
            names = next((model.settings.fallback for model in named), ())
        return [request, *(replace(request, model=name) for name in names)]

    async def embed(
        self, tenant: str, model: KnownModel, texts: Sequence[str], *, may_retry: bool = True
    ) -> Embedded:
        """Return the vectors of texts. Raises `StepBroke` if none came; the type says why."""
        if not model.settings.embeddings:
            message = f"model {model.name} makes no vectors; if it does, set `embeddings: true`"
            raise StepBroke("ModelRejected", message, retryable=False)
        way = await self._way_to(tenant, model.settings, may_retry=may_retry)
        ask = partial(embeddings.ask, texts=texts)
        found, took_ms = await self._reached(tenant, model, way, ask)
        usage = priced(found.usage, model.settings.prices)
        return replace(found, latency_ms=took_ms, usage=usage)

    async def _asked(
        self, tenant: str, model: KnownModel, way: _Way, request: ChatRequest
    ) -> ChatAnswer:
        if model.settings.embeddings:
            message = f"model {model.name} makes vectors of texts and answers no questions"
            raise StepBroke("ModelRejected", message, retryable=False)
        answer, took_ms = await self._reached(
            tenant, model, way, lambda endpoint: _ASK[model.settings.provider](endpoint, request)
        )
        usage = priced(answer.usage, model.settings.prices)
        return replace(answer, latency_ms=took_ms, usage=usage)

    async def _reached(
        self, tenant: str, model: KnownModel, way: _Way, ask: Callable[[Endpoint], Awaitable[T]]
    ) -> tuple[T, int]:
        """Return a model's answer, and how many milliseconds it took. Raises `StepBroke`."""
        asked = Asked(model.name, urlsplit(model.base_url).netloc, way.hidden)
        is_scripted = model.settings.provider == "scripted"
        client = None if is_scripted else self._client(model.source)
        endpoint = Endpoint(
            model.settings, model.base_url, way.key, client, way.retries, way.on_text
        )
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        asking.set(tenant)
        further_headers.set(way.headers)
        try:
            async with asyncio.timeout(model.settings.timeout / 1_000):
                answer = await ask(endpoint)
        except StepBroke:
            raise
        except Exception as failure:
            failed = broke(failure, asked, self._clock.now_ms())
            if failed is None:
                raise
            raise (BrokenAnswer(failed) if came_broken(failure) else failed) from failure
        return answer, round((loop.time() - began_s) * 1_000)

    async def close(self) -> None:
        """Close every connection."""
        for client in self._clients.values():
            await client.aclose()

    async def named(self, tenant: str, name: str | None) -> KnownModel:
        """Return a model, the default one for None. Raises `StepBroke` if there is none."""
        known = await self.known(tenant)
        for model in known:
            if model.name == name or (name is None and model.is_default):
                return model
        names = [model.name for model in known]
        if not names:
            message = "there is no model yet; name one in the setting models or by PUT /api/models"
        elif name is None:
            message = (
                "the step names no model and there is no default one; name one of "
                f"{', '.join(names)}, or set default_model"
            )
            if self._settings.default_model is not None:
                hint = did_you_mean(self._settings.default_model, names)
                message = f"the default model {self._settings.default_model} does not exist{hint}"
        else:
            message = f"there is no model {name}{did_you_mean(name, names)}"
        raise StepBroke("UnknownModel", message, retryable=False)

    def _default(self, found: Mapping[str, ModelDocument]) -> str | None:
        """Return the default model's name: the setting's, or that of the only chat model."""
        if self._settings.default_model is not None:
            return self._settings.default_model
        names = [name for name, model in found.items() if not model.embeddings]
        return names[0] if len(names) == 1 else None

    async def _key(self, tenant: str, model: ModelDocument) -> str | None:
        if model.secret is not None:
            key, origin = await self._secret_of(tenant, model.secret), f"secret {model.secret}"
        elif isinstance(model, ModelSettings) and model.keyEnv is not None:
            origin = f"environment variable {model.keyEnv} of the server"
            key = os.environ.get(model.keyEnv, "")
        else:
            return None
        return _sendable(key, origin)

    async def _way_to(self, tenant: str, model: ModelDocument, *, may_retry: bool) -> _Way:
        """Open what a request to a model needs. Raises `StepBroke`."""
        key = await self._key(tenant, model)
        headers, hidden = dict(model.headers), [key] if key else []
        for name, text in headers.items():
            if text.startswith(REFERENCE):
                secret = text.removeprefix(REFERENCE)
                found = _sendable(await self._secret_of(tenant, secret), f"secret {secret}")
                headers[name] = found
                hidden.append(found)
        return _Way(key, headers, model.retries if may_retry else 0, tuple(hidden))

    def _client(self, source: str) -> Any:
        """Return the client; only for the operator's models may it reach any address."""
        if source not in self._clients:
            # With its HTTP library, it is needed only if there are models.
            from app.llm.transport import model_client

            allowed: Sequence[Network] = EVERYWHERE
            if source == "tenant":
                allowed = self._settings.allowed_networks
            self._clients[source] = model_client(
                allowed, self._way, self._settings.max_concurrent_steps
            )
        return self._clients[source]


def _sendable(value: str, origin: str) -> str:
    """Return a secret as a header value. Raises `StepBroke` if a header cannot hold it.

    The HTTP library would show the secret in its error.
    """
    value = value.strip()
    if not value or not (value.isascii() and value.isprintable()):
        message = f"the {origin} is not set, or holds what cannot be a key"
        raise StepBroke("ModelAuth", message, retryable=False)
    return value


def _by_tool(request: ChatRequest, model: ModelDocument) -> ChatRequest:
    """Return the request with a tool that must be called, if the model gets its schema that way."""
    if request.schema is None or (request.structured or model.structured) != "tool":
        return request
    tool = ToolSpec(ANSWER_TOOL, "Give the answer.", request.schema)
    return replace(request, schema=None, tools=(tool,), tool_choice=ANSWER_TOOL)


def _is_about_choice(broke: StepBroke) -> bool:
    """Return whether a provider refuses the request because of its `tool_choice`."""
    message = broke.error.message.lower().replace(" ", "_")
    return broke.error.type == "ModelRejected" and "tool_choice" in message
