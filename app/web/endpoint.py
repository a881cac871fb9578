"""One endpoint: everything the routes, the role checks and the API page are made from."""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from app.auth.caller import Caller
from app.auth.errors import Unauthorized
from app.auth.providers import KeysWanted
from app.auth.roles import Role
from app.concurrency.tenant import work_for
from app.services import Services
from app.telemetry import log
from app.web.connections import caller_is_known
from app.web.errors import error_response, is_known
from app.web.fields import fields_of
from app.web.whose import IN_TURNS
from app.wire.bodies import M, NoQuery, checked, without_query
from engine.value import value
from journal import ChangeNote, changing

_LONGEST_TARGET = 500
_CREDENTIALS = frozenset(("x-api-key", "x-tenant-id", "authorization"))


@value(frozen=True, slots=True)
class Call:
    """One request of a known caller.

    Attributes:
        csrf: What a browser's session must send with every change; empty without a session.
    """

    request: Request
    services: Services
    caller: Caller
    csrf: str = ""

    @property
    def tenant(self) -> str:
        """The caller's tenant, to which everything is bound."""
        return self.caller.tenant

    def query(self, model: type[M]) -> M:
        """Return the parameters after the path, checked. Raises `BadRequest`."""
        if not self.request.scope["query_string"]:
            empty: M = without_query(model)
            return empty
        return checked(model, dict(self.request.query_params))

    def path(self, name: str) -> str:
        """Return a parameter of the path."""
        return str(self.request.path_params[name])


@value(frozen=True, slots=True)
class Endpoint:
    """One method of one address; `role` is the least that may call it.

    Attributes:
        body: What its JSON may hold, a type that pydantic knows.
        needs_body: Whether it cannot do without one.
        form: What its form may hold, where it takes one too.
        headers: The headers of requests that it reads, besides who asks.
        takes_yaml: Whether its body may be YAML as well.
        is_noted: Whether the audit log has what it changes although it takes a lower role than
            others that change something.
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
        """What the operation is called in the API page."""
        return self.name or self.handler.__name__

    async def ask(self, request: Request, services: Services) -> Response:
        """Check who is asking and ask the handler. Raises `Unauthorized`, `Forbidden`."""
        fields = fields_of(request.scope)
        if fields.repeated and not fields.repeated.isdisjoint(_CREDENTIALS):
            raise Unauthorized  # of two, a proxy may have checked the other one
        cookies = request.cookies if "cookie" in fields else {}
        try:
            session = services.sessions.of(request.method, fields, cookies)
        except KeysWanted as wanted:
            await wanted.provider.refresh()
            session = services.sessions.of(request.method, fields, cookies)
        except Unauthorized:
            if services.changes is None:
                raise
            await services.changes.catch_up()  # made by another process a moment ago, perhaps
            session = services.sessions.of(request.method, fields, cookies)
        caller_is_known(request.scope, session.caller.tenant)
        services.rate_limits.check(session.caller)
        session.caller.require(self.role)
        work_for(session.caller.tenant)
        handled = self.handler(Call(request, services, session.caller, session.csrf))
        in_turns = request.scope.get(IN_TURNS) == session.caller.tenant
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

    @property
    def is_audited(self) -> bool:
        """Whether what it changes is kept in the audit log: not what is done with runs."""
        changes = self.method not in ("GET", "HEAD")
        return changes and (self.is_noted or self.role.includes(Role.EDITOR))

    def _note(self, request: Request, services: Services, caller: Caller) -> ChangeNote:
        target = str(request.scope["path"])[:_LONGEST_TARGET]
        action = "".join(
            part if at == 0 else part.capitalize()
            for at, part in enumerate(self.operation.split("_"))
        )
        return ChangeNote(caller.tenant, services.clock.now_ms(), caller.name, action, target)

    async def answer(self, request: Request, services: Services) -> Response:
        """Check who is asking, ask the handler, turn failures into answers."""
        request_id: str = request.scope["stepwell.request_id"]
        try:
            return await self.ask(request, services)
        except Exception as failure:  # noqa: BLE001 - every failure is an answer
            if not is_known(failure):
                log.request_failed(request_id, failure)
            return error_response(failure, request_id)
