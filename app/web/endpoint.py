"""The definition of an endpoint, from which routes, role checks and the API page are made."""

from collections.abc import Awaitable, Callable, Coroutine
from functools import cache
from typing import Any

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from app.auth.caller import Caller
from app.auth.errors import Unauthorized
from app.auth.providers import KeysWanted
from app.auth.roles import Role
from app.concurrency.tenant import work_for
from app.services import Services
from app.web.connections import caller_is_known
from app.web.errors import error_response, log_if_unknown
from app.web.likely_tenant import IN_TURNS
from app.wire.parsing.fields import fields_of
from app.wire.parsing.json_body import json_body
from app.wire.requests.bodies import M, NoBody, NoQuery, checked, without_query
from app.wire.requests.query_values import once_each
from engine.value import value
from journal import ChangeNote, changing

_API = "/api/"
_LONGEST_TARGET = 500
_CREDENTIALS = frozenset(("x-api-key", "x-tenant-id", "authorization"))


@cache
def _is_audited(method: str, role: Role, is_noted: bool) -> bool:
    return method not in ("GET", "HEAD") and (is_noted or role.includes(Role.EDITOR))


@value(frozen=True, slots=True)
class Call:
    """One request of an authenticated caller.

    Attributes:
        csrf: The token that a browser session must send with every change; empty without a session.
    """

    request: Request
    services: Services
    caller: Caller
    csrf: str = ""

    @property
    def tenant(self) -> str:
        """The caller's tenant, to which all access is limited."""
        return self.caller.tenant

    def query(self, model: type[M]) -> M:
        """Return the validated query parameters. Raises `BadRequest`."""
        if not self.request.scope["query_string"]:
            empty: M = without_query(model)
            return empty
        return checked(model, once_each(self.request.query_params.multi_items()))

    def path(self, name: str) -> str:
        """Return a parameter of the path."""
        return str(self.request.path_params[name])


@value(frozen=True, slots=True)
class Endpoint:
    """One method of one address; `role` is the lowest role that may call it.

    Attributes:
        body: The type of its JSON body, as pydantic knows it.
        needs_body: Whether a body is required.
        form: The type of its form, if it accepts one.
        headers: The request headers that it reads, besides credentials.
        takes_yaml: Whether its body may also be YAML.
        is_noted: Whether its changes go to the audit log although it needs a lower role than other
            changes do.
    """

    method: str
    path: str
    role: Role
    handler: Callable[[Call], Coroutine[Any, Any, Response]]
    summary: str
    body: type[Any] | None = None
    query: type[BaseModel] = NoQuery
    answers: tuple[int, ...] = (200,)
    name: str = ""
    needs_body: bool = True
    form: type[Any] | None = None
    headers: tuple[str, ...] = ()
    takes_yaml: bool = False
    is_noted: bool = False

    @property
    def operation(self) -> str:
        """The name of the operation in the API page."""
        return self.name or self.handler.__name__

    async def ask(self, request: Request, services: Services) -> Response:
        """Authenticate the caller and call the handler. Raises `Unauthorized`, `Forbidden`."""
        scope = request.scope
        fields = fields_of(scope)
        method: str = scope["method"]
        if fields.repeated and not fields.repeated.isdisjoint(_CREDENTIALS):
            raise Unauthorized  # with two values, a proxy may have checked the other one
        cookies = request.cookies if "cookie" in fields else {}
        try:
            session = services.sessions.of(method, fields, cookies)
        except KeysWanted as wanted:
            await wanted.provider.refresh()
            session = services.sessions.of(method, fields, cookies)
        except Unauthorized:
            if services.changes is None:
                raise
            await services.changes.catch_up()  # it may just have been created by another process
            session = services.sessions.of(method, fields, cookies)
        caller_is_known(scope, session.caller.tenant)
        services.rate_limits.check(session.caller)
        session.caller.require(self.role)
        work_for(session.caller.tenant)
        call = Call(request, services, session.caller, session.csrf)
        unread = self._is_sent_more(scope)
        handled = self._without_more(call) if unread else self.handler(call)
        in_turns = scope.get(IN_TURNS) == session.caller.tenant
        answered: Awaitable[Response] = (
            handled if in_turns else services.fair_loop.run(session.caller.tenant, handled)
        )
        if self.is_audited:
            try:
                with changing(self._note(request, services, session.caller)):
                    return await answered
            finally:
                if services.changes is not None:
                    services.changes.made()
        return await answered

    def _is_sent_more(self, scope: Scope) -> bool:
        """Return whether a request of the API has a query or a body where none is read."""
        if not self.path.startswith(_API):
            return False
        if self.query is NoQuery and scope["query_string"]:
            return True
        if not self._reads_no_body:
            return False
        fields = fields_of(scope)
        return bool(fields.length) or "transfer-encoding" in fields

    @property
    def _reads_no_body(self) -> bool:
        """Whether a request could have a body, and it would not be read."""
        return self.body is None and self.form is None and self.method != "GET"

    async def _without_more(self, call: Call) -> Response:
        """Call the handler if nothing in the query or the body would be without effect.

        Raises `BadRequest` and the other errors of a bad body.
        """
        if self.query is NoQuery:
            call.query(NoQuery)
        if self._reads_no_body:
            body = await json_body(call.request, call.services.settings, required=False)
            checked(NoBody, body)
        return await self.handler(call)

    @property
    def is_audited(self) -> bool:
        """Whether its changes go to the audit log; commands for runs do not."""
        return _is_audited(self.method, self.role, self.is_noted)

    def _note(self, request: Request, services: Services, caller: Caller) -> ChangeNote:
        target = str(request.scope["path"])[:_LONGEST_TARGET]
        action = "".join(
            part if at == 0 else part.capitalize()
            for at, part in enumerate(self.operation.split("_"))
        )
        return ChangeNote(caller.tenant, services.clock.now_ms(), caller.name, action, target)

    async def answer(self, request: Request, services: Services) -> Response:
        """Authenticate the caller, call the handler, and turn failures into answers."""
        request_id: str = request.scope["stepwell.request_id"]
        try:
            return await self.ask(request, services)
        except Exception as failure:  # noqa: BLE001 - every failure is an answer
            log_if_unknown(request_id, failure)
            return error_response(failure, request_id)
