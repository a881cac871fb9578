"""A real MCP server and its authorization server, with the official library: `... PORT TOLD`.

Anyone who opens its page is signed in at once. TOLD is a file that gets a line for each token
issued, refreshed or revoked; `MCP_TOKENS_LAST` is the lifetime of an access token in seconds,
`MCP_HOST` the host name of the server.
"""

import os
import secrets
import sys
import time
from pathlib import Path
from typing import Any

import uvicorn
from mcp.server.auth.provider import (
    AccessToken,
    AuthorizationCode,
    AuthorizationParams,
    OAuthAuthorizationServerProvider,
    RefreshToken,
    TokenError,
    construct_redirect_uri,
)
from mcp.server.auth.settings import AuthSettings, ClientRegistrationOptions, RevocationOptions
from mcp.server.mcpserver import MCPServer
from mcp.shared.auth import OAuthClientInformationFull, OAuthToken
from pydantic import AnyHttpUrl

PORT, TOLD = int(sys.argv[1]), Path(sys.argv[2])
ADDRESS = f"http://{os.environ.get('MCP_HOST', '127.0.0.1')}:{PORT}"
LAST_S = int(os.environ.get("MCP_TOKENS_LAST", "3600"))


def tell(*words: str) -> None:
    with TOLD.open("a") as file:
        file.write(" ".join(words) + "\n")


class Giver(OAuthAuthorizationServerProvider[AuthorizationCode, RefreshToken, AccessToken]):
    """Issues codes and tokens; a refresh token that is used twice ends the whole sign-in."""

    def __init__(self) -> None:
        self.clients: dict[str, OAuthClientInformationFull] = {}
        self.codes: dict[str, AuthorizationCode] = {}
        self.tokens: dict[str, AccessToken] = {}
        self.refreshes: dict[str, RefreshToken] = {}

    async def get_client(self, client_id: str) -> OAuthClientInformationFull | None:
        return self.clients.get(client_id)

    async def register_client(self, client_info: OAuthClientInformationFull) -> None:
        self.clients[client_info.client_id] = client_info
        tell("registered")

    async def authorize(
        self, client: OAuthClientInformationFull, params: AuthorizationParams
    ) -> str:
        code = AuthorizationCode(
            code=secrets.token_urlsafe(32), scopes=params.scopes or [], expires_at=time.time() + 60,
            client_id=client.client_id, code_challenge=params.code_challenge,
            redirect_uri=params.redirect_uri, resource=params.resource,
            redirect_uri_provided_explicitly=params.redirect_uri_provided_explicitly,
        )  # fmt: skip
        self.codes[code.code] = code
        return construct_redirect_uri(str(params.redirect_uri), code=code.code, state=params.state)

    async def load_authorization_code(
        self, client: OAuthClientInformationFull, authorization_code: str
    ) -> AuthorizationCode | None:
        return self.codes.get(authorization_code)

    async def exchange_authorization_code(
        self, client: OAuthClientInformationFull, authorization_code: AuthorizationCode
    ) -> OAuthToken:
        del self.codes[authorization_code.code]
        return self._given("given", client.client_id, authorization_code.resource)

    async def load_refresh_token(
        self, client: OAuthClientInformationFull, refresh_token: str
    ) -> RefreshToken | None:
        return self.refreshes.get(refresh_token)

    async def exchange_refresh_token(
        self, client: OAuthClientInformationFull, refresh_token: RefreshToken, scopes: list[str]
    ) -> OAuthToken:
        if self.refreshes.pop(refresh_token.token, None) is None:
            raise TokenError("invalid_grant")
        return self._given("refreshed", client.client_id, f"{ADDRESS}/mcp")

    def _given(self, word: str, client_id: str, resource: str | None) -> OAuthToken:
        access, refresh = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
        self.tokens[access] = AccessToken(
            token=access, client_id=client_id, scopes=[], expires_at=int(time.time()) + 3_600,
            resource=resource,
        )  # fmt: skip
        self.refreshes[refresh] = RefreshToken(token=refresh, client_id=client_id, scopes=[])
        tell(word, access, refresh)
        return OAuthToken(access_token=access, refresh_token=refresh, expires_in=LAST_S)

    async def load_access_token(self, token: str) -> AccessToken | None:
        return self.tokens.get(token)

    async def revoke_token(self, token: AccessToken | RefreshToken) -> None:
        self.tokens.pop(token.token, None)
        self.refreshes.pop(token.token, None)
        tell("revoked", token.token)


giver = Giver()
server = MCPServer(
    "notes",
    log_level="WARNING",
    auth_server_provider=giver,
    auth=AuthSettings(
        issuer_url=AnyHttpUrl(ADDRESS),
        resource_server_url=AnyHttpUrl(f"{ADDRESS}/mcp"),
        client_registration_options=ClientRegistrationOptions(enabled=True),
        revocation_options=RevocationOptions(enabled=True),
        validate_token_resource=True,
    ),
)


@server.tool()
def add(a: int, b: int = 1) -> dict[str, int]:
    """Add two numbers."""
    return {"sum": a + b}


@server.tool()
def refuse_all() -> str:
    """Let no access token count from now on."""
    giver.tokens.clear()
    return "done"


if __name__ == "__main__":
    application: Any = server.streamable_http_app(stateless_http=True)
    uvicorn.run(application, host="127.0.0.1", port=PORT, log_level="warning")
