"""Signing in with a key or a token, and out again."""

from urllib.parse import parse_qs, urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from app.auth.errors import Unauthorized
from app.auth.rate_limits import RateLimited
from app.auth.sessions import COOKIE, TokenTooLong
from app.services import Services
from app.web.console.rendering import html
from app.web.endpoint import Call
from app.wire.json_body import read_body

_LONGEST_FORM = 16_384
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]", "::1")
HOME = "/inbox"


async def sign_in_page(request: Request, _: Services) -> Response:
    """Show the form."""
    return _form(request, request.query_params.get("next", HOME))


async def sign_in(request: Request, services: Services) -> Response:
    """Open a session. A form that another site sends is refused."""
    back = HOME
    try:
        body = await read_body(request, _LONGEST_FORM, services.settings.body_timeout)
        given = {name: items[0] for name, items in parse_qs(body.decode()).items()}
        back = given.get("next", HOME)
        if not _is_from_here(request):
            return _form(request, back, "Sign in on this page, not from another one.", 403)
        services.rate_limits.check_sign_in(_address_of(request))
        tenant, credential = given.get("tenant", "").strip(), given.get("credential", "").strip()
        cookie = services.sessions.open(tenant, credential)
    except TokenTooLong as too_long:
        return _form(request, back, f"{too_long}.", 400)
    except RateLimited as often:
        answer = _form(request, back, f"Too many attempts: {often}.", 429)
        answer.headers["Retry-After"] = str(often.retry_after_s)
        return answer
    except Unauthorized:
        services.rate_limits.note_failed_sign_in(_address_of(request))
        message = "That key or token does not count for this tenant. It may be disabled or expired."
        return _form(request, back, message, 401, given.get("tenant", ""))
    except (UnicodeDecodeError, ValueError):
        return _form(request, back, "The form cannot be read.", 400)
    answer = RedirectResponse(local(back), 303)
    answer.set_cookie(
        COOKIE,
        cookie,
        max_age=services.sessions.lifetime_s,
        secure=_is_secure(request),
        httponly=True,
        samesite="strict",
    )
    return answer


async def sign_out(call: Call) -> Response:
    """End the session, on the server and in this browser."""
    await call.services.sessions.end(call.request.cookies)
    answer = JSONResponse({"success": True})
    answer.delete_cookie(COOKIE, secure=_is_secure(call.request), httponly=True, samesite="strict")
    return answer


def _address_of(request: Request) -> str:
    return request.client.host if request.client else ""


def local(address: str) -> str:
    """Return an address on this server; what leads elsewhere becomes the first page."""
    parts = urlsplit(address.replace("\\", "/"))
    is_local = address.startswith("/") and not address.startswith(("//", "/\\"))
    if not is_local or parts.netloc or parts.scheme or not address.isprintable():
        return HOME
    return address


def _form(
    request: Request, back: str, message: str = "", status: int = 200, tenant: str = ""
) -> Response:
    # Browsers say where a request comes from only over HTTPS or on the machine itself.
    is_open = _is_secure(request) and "sec-fetch-mode" not in request.headers
    return html(
        "sign_in.html", status, next=local(back), message=message, tenant=tenant, is_open=is_open
    )


def _is_from_here(request: Request) -> bool:
    origin = request.headers.get("origin")
    if origin not in (None, "null") and urlsplit(origin).netloc != request.headers.get("host"):
        return False
    return request.headers.get("sec-fetch-site") in (None, "same-origin", "none")


def _is_secure(request: Request) -> bool:
    """Say whether the cookie is for HTTPS only: everywhere but on the machine itself."""
    return request.url.hostname not in _LOOPBACK
