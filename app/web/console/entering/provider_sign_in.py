"""Sign-in at an identity provider: sends a state, and takes the returned code once.

The data of an attempt is in a sealed cookie of the browser that began it, so that nobody can make
another person's browser return with a code of theirs.
"""

import hmac
import json
from dataclasses import astuple

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.auth.errors import Unauthorized
from app.auth.providers import Attempt, NotLetIn, Provider, ProviderAway
from app.auth.rate_limits import RateLimited
from app.auth.sealed_token import LinkUnusable, sealed_values, token_of
from app.services import Services
from app.telemetry import log
from app.web.console.entering.sign_in import SignInForm, sign_in_form
from app.web.console.entering.sign_in_forms import (
    HOME,
    address_of,
    browser_of,
    entered,
    is_secure,
    local,
)

COOKIE = "stepwell_provider"
PATH = "/sign-in/provider"
CALLBACK = f"{PATH}/back"
_KIND = "provider sign-in"
_LASTS_S = 600
_LONGEST_CODE = 4_096


async def begin(request: Request, services: Services) -> Response:
    """Redirect to the provider."""
    back = local(request.query_params.get("next", HOME))
    provider = services.authenticator.providers.all.get(request.path_params["name"])
    if provider is None:
        return _failed(request, services, "There is no such provider.", 404)
    try:
        services.rate_limits.check_open(address_of(request))
        address, attempt = await provider.begin(_callback_of(request, services), back)
    except RateLimited as often:
        return _failed(request, services, f"Too many attempts: {often}.", 429)
    except ProviderAway as away:
        log.provider_away(provider.name, str(away))
        message = f"{provider.title} does not answer now; the log of the server says more."
        return _failed(request, services, message, 503)
    until_ms = services.clock.now_ms() + _LASTS_S * 1_000
    values = json.dumps([until_ms, *astuple(attempt)])
    answer = RedirectResponse(address, 303)
    answer.set_cookie(
        COOKIE,
        token_of(services.secrets.keyring.seal(_KIND, "", "", values)),
        max_age=_LASTS_S,
        path=PATH,
        secure=is_secure(request),
        httponly=True,
        samesite="lax",  # the provider redirects here from another site
    )
    return answer


async def come_back(request: Request, services: Services) -> Response:
    """Take the code, identify the person, and open a session."""
    given = request.query_params
    answer = await _come_back(request, services, given.get("state", ""), given.get("code", ""))
    answer.delete_cookie(
        COOKIE, path=PATH, secure=is_secure(request), httponly=True, samesite="lax"
    )
    return answer


async def _come_back(request: Request, services: Services, state: str, code: str) -> Response:
    try:
        services.rate_limits.check_open(address_of(request))
        attempt = _attempt(request, services)
    except RateLimited as often:
        return _failed(request, services, f"Too many attempts: {often}.", 429)
    except LinkUnusable:
        message = "This sign-in was not begun in this browser, or took too long. Begin again."
        return _failed(request, services, message, 400)
    provider = services.authenticator.providers.all.get(attempt.provider)
    sender = request.query_params.get("iss")
    is_ours = hmac.compare_digest(state.encode(), attempt.state.encode())
    if provider is None or not is_ours or sender not in (None, provider.settings.issuer):
        message = "This sign-in was not begun in this browser. Begin again."
        return _failed(request, services, message, 400)
    if not 0 < len(code) <= _LONGEST_CODE:
        return _failed(request, services, f"{provider.title} has not let you sign in.", 403)
    return await _enter(request, services, provider, attempt, code)


async def _enter(
    request: Request, services: Services, provider: Provider, attempt: Attempt, code: str
) -> Response:
    try:
        known = await provider.complete(attempt, code, _callback_of(request, services))
        person = await services.authenticator.people.known(known)
    except ProviderAway as away:
        log.provider_away(provider.name, str(away))
        message = f"{provider.title} does not answer now; the log of the server says more."
        return _failed(request, services, message, 503)
    except NotLetIn as refused:
        log.sign_in_refused(provider.name, str(refused))
        message = f"{provider.title} knows you, and you may not use this server. Ask its admin."
        return _failed(request, services, message, 403)
    except Unauthorized:
        return _failed(request, services, "You were disabled here. Ask an admin.", 403)
    cookie = await services.sessions.open_for(person.id, "provider", browser_of(request))
    return entered(request, services, cookie, attempt.back)


def _attempt(request: Request, services: Services) -> Attempt:
    """Return the attempt that this browser has begun. Raises `LinkUnusable`."""
    sent = request.cookies.get(COOKIE, "")
    until_ms, *values = sealed_values(services.secrets.keyring, _KIND, sent)
    if until_ms <= services.clock.now_ms():
        raise LinkUnusable
    return Attempt(*values)


def _callback_of(request: Request, services: Services) -> str:
    base = services.settings.public_url or str(request.base_url).rstrip("/")
    return f"{base}{CALLBACK}"


def _failed(request: Request, services: Services, message: str, status: int) -> Response:
    return sign_in_form(request, services, SignInForm(), message, status)
