"""Chat models over HTTP: list, define, delete. No answer shows a key."""

import json
from functools import partial
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError
from starlette.responses import JSONResponse, Response

from app.auth.roles import Role
from app.concurrency.offload import offload
from app.llm.catalogue import KnownModel
from app.settings.llm import ModelDocument, ModelName
from app.web.endpoint import Call, Endpoint
from app.wire.answers.resources import ModelBody
from app.wire.parsing.errors import BadRequest
from app.wire.parsing.json_body import json_body
from app.wire.requests.bodies import checked
from journal import UnknownModel
from steps.checking.as_written import as_written
from steps.contract.step_type import Problem
from steps.language.durations import duration_text

_KEYS = set(ModelDocument.model_fields)
_LONG = 4_000
_NAME = TypeAdapter(ModelName, config=ConfigDict(defer_build=True))


def _shown(model: KnownModel) -> dict[str, Any]:
    written = model.settings.model_dump(exclude_none=True, include=_KEYS)
    return {
        **written,
        "name": model.name,
        **({"baseUrl": model.base_url} if model.base_url else {}),
        "timeout": duration_text(model.settings.timeout),
        "source": model.source,
        "default": model.is_default,
    }


async def list_models(call: Call) -> Response:
    """List the models that definitions may use."""
    return JSONResponse([_shown(model) for model in await call.services.models.known(call.tenant)])


async def get_model(call: Call) -> Response:
    """Show a model."""
    name = call.path("name")
    for model in await call.services.models.known(call.tenant):
        if model.name == name:
            return JSONResponse(_shown(model))
    raise UnknownModel(name)


async def put_model(call: Call) -> Response:
    """Create or replace the definition of a model."""
    name = call.path("name")
    try:
        _NAME.validate_python(name)
    except ValidationError as wrong:
        message = "must be 1 to 64 letters, digits, dots, underscores and hyphens, no dot first"
        raise BadRequest("the name is not acceptable", [Problem("name", message)]) from wrong
    sent = await json_body(call.request, call.services.settings)
    body = as_written(sent, ("name", "source", "default"))
    if "keyEnv" in body:
        message = "is for the server's settings only; store the key as a secret and name that"
        raise BadRequest("the model is not acceptable", [Problem("keyEnv", message)])
    if isinstance(fallback := body.get("fallback"), list) and name in fallback:
        problem = Problem("fallback", f"{name} is this model itself; name other ones")
        raise BadRequest("the model is not acceptable", [problem])
    services = call.services
    document = json.dumps(body, ensure_ascii=False)
    check = partial(checked, ModelDocument, body)
    await offload(check) if len(document) > _LONG else check()
    await services.journal.models.put(call.tenant, name, document, services.clock.now_ms())
    return await get_model(call)


async def delete_model(call: Call) -> Response:
    """Delete a model of the tenant; a model of that name in the settings applies again."""
    name = call.path("name")
    await call.services.journal.models.delete(call.tenant, name)
    return JSONResponse({"success": True, "name": name})


ENDPOINTS = (
    Endpoint("GET", "/api/models", Role.VIEWER, list_models, "List the chat models"),
    Endpoint("GET", "/api/models/{name}", Role.VIEWER, get_model, "Show a chat model"),
    Endpoint(
        "PUT",
        "/api/models/{name}",
        Role.ADMIN,
        put_model,
        "Create or replace a chat model",
        ModelBody,
    ),
    Endpoint("DELETE", "/api/models/{name}", Role.ADMIN, delete_model, "Delete a chat model"),
)
