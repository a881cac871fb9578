"""All MCP servers that the settings name."""

import asyncio
from collections.abc import Iterable, Mapping
from functools import partial

from app.concurrency.tenant import current_tenant
from app.outbound.way_out import WayOut
from app.settings.mcp import McpServerSettings
from app.tools.mcp.link import McpUnavailable, SignInNeeded
from app.tools.mcp.server import McpServer
from app.tools.mcp.sign_ins import SignedIn, SignIns
from engine.value import value
from steps.effects.effects import ToolInfo


@value(frozen=True, slots=True)
class _OfTenant:
    """The connection of those who are signed in, until they sign out."""

    server: McpServer
    of: SignedIn


class McpServers:
    """The servers by name, and their tools under the ids `<server>.<tool>`.

    One at which people sign in has a connection for each tenant of which somebody is signed in,
    and is seen only by that tenant.
    """

    def __init__(
        self, settings: Mapping[str, McpServerSettings], way: WayOut | None = None
    ) -> None:
        self._way = way
        self._with_person = {name: of for name, of in settings.items() if of.sign_in is not None}
        self._servers = {
            name: McpServer(name, of_it, way)
            for name, of_it in settings.items()
            if name not in self._with_person
        }
        self._of_tenants: dict[tuple[str, str], _OfTenant] = {}
        self._leaving: set[asyncio.Task[None]] = set()
        self._is_closed = False
        self.sign_ins: SignIns | None = None

    def start(self) -> None:
        """Begin to connect to all of them, in the background; call it once, in the event loop."""
        for server in self._servers.values():
            server.start()

    async def sign_in_with(self, sign_ins: SignIns) -> None:
        """Connect for everybody who is signed in, now and later. Raises as `SignIns.load`."""
        self.sign_ins = sign_ins
        sign_ins.changed = self._follow
        await sign_ins.load()

    @property
    def with_person(self) -> Mapping[str, McpServerSettings]:
        """The servers at which people sign in."""
        return self._with_person

    async def settled(self) -> None:
        """Wait until each has been tried once; `startTimeout` bounds that."""
        await asyncio.gather(*(server.settled() for server in self.all()))

    def find(self, name: str) -> McpServer | None:
        """Return a server by its name.

        Raises `SignInNeeded` where nobody of the tenant for which this task works is signed in.
        """
        if name not in self._with_person or self.sign_ins is None:
            return self._servers.get(name)
        own = self._of_tenants.get((current_tenant(), name))
        if own is None:
            raise self.sign_ins.needed(name)
        return own.server

    def failure(self, name: str, failed: McpUnavailable) -> McpUnavailable | SignInNeeded:
        """Return what a call fails by: that nobody is signed in any more, where that is why."""
        try:
            self.find(name)
        except SignInNeeded as needed:
            return needed
        return failed

    def all(self) -> Iterable[McpServer]:
        """Return the servers that this task's tenant has, in the order of their names."""
        tenant = current_tenant()
        own = {name: one.server for (of, name), one in self._of_tenants.items() if of == tenant}
        return [server for _, server in sorted({**self._servers, **own}.items())]

    def names(self) -> list[str]:
        """Name all servers, also those at which nobody is signed in."""
        return sorted({*self._servers, *self._with_person})

    def signed_in(self, name: str) -> SignedIn | None:
        """Return who of this task's tenant is signed in at a server."""
        own = self._of_tenants.get((current_tenant(), name))
        return None if own is None else own.of

    def tools(self) -> list[ToolInfo]:
        """List the tools that are known now; those of a server that is away stay listed."""
        return [
            ToolInfo(f"{server.name}.{tool.name}", tool.description, tool.input_schema)
            for server in self.all()
            for tool in server.tools.values()
        ]

    async def close(self) -> None:
        """End every connection and every process; takes seconds at most."""
        self._is_closed = True
        own = [one.server for one in self._of_tenants.values()]
        await asyncio.gather(
            *(server.close() for server in [*self._servers.values(), *own]), *self._leaving
        )
        if self.sign_ins is not None:
            await self.sign_ins.close()

    def _follow(self) -> None:
        """Keep a connection for each who is signed in, and none for others."""
        if self.sign_ins is None or self._is_closed:
            return
        wanted = self.sign_ins.all()
        for key, one in list(self._of_tenants.items()):
            if wanted.get(key) != one.of:
                del self._of_tenants[key]
                leaving = asyncio.create_task(one.server.close())
                self._leaving.add(leaving)
                leaving.add_done_callback(self._leaving.discard)
        for (tenant, name), of in wanted.items():
            if (tenant, name) not in self._of_tenants:
                token = partial(self.sign_ins.token, tenant, name)
                server = McpServer(name, self._with_person[name], self._way, token)
                self._of_tenants[tenant, name] = _OfTenant(server, of)
                server.start()
