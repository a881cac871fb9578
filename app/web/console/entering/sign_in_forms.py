"""What all kinds of sign-in share: checks of forms, the session cookie, and the redirect."""

from urllib.parse import parse_qs, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.auth.passwords import UnfitPassword
from app.auth.people import UnfitPerson
from app.auth.sessions import COOKIE, Browser
from app.services import Services
from app.wire.parsing.json_body import read_body
from journal import NameTaken

HOME = "/inbox"
_LONGEST_FORM = 16_384
_MOST_FIELDS = 50
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]", "::1")


class NotFromHere(Exception):
    """Another site has sent the form."""


async def sent_form(request: Request, services: Services) -> dict[str, list[str]]:
    """Return the fields of a form. Raises `NotFromHere`, `ValueError`, and as `read_body` does."""
    body = await read_body(request, _LONGEST_FORM, services.settings.body_timeout)
    given = parse_qs(body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    if not _is_from_here(request):
        raise NotFromHere
    return given


def first(given: dict[str, list[str]], name: str, without: str = "") -> str:
    """Return the text of a field."""
    return given.get(name, [without])[0]


def field_of(unfit: Exception) -> str:
    """Return the field of the form that a refusal is about; empty if it is about none."""
    if isinstance(unfit, UnfitPassword):
        return "password"
    return "name" if isinstance(unfit, UnfitPerson | NameTaken) else ""


def entered(request: Request, services: Services, cookie: str, back: str) -> Response:
    """Redirect somebody who has signed in to a page, with the cookie of the session."""
    answer = RedirectResponse(local(back), 303)
    answer.set_cookie(
        COOKIE,
        cookie,
        max_age=services.sessions.lifetime_s,
        secure=is_secure(request),
        httponly=True,
        samesite="strict",
    )
    return answer


def browser_of(request: Request) -> Browser:
    """Return the address and browser with which a session is opened."""
    return Browser(address_of(request), request.headers.get("user-agent", ""))


def address_of(request: Request) -> str:
    """Return the address that a request came from, as far as the server sees it."""
    return request.client.host if request.client else ""


def local(address: str) -> str:
    """Return an address on this server; one that leads elsewhere becomes the first page."""
    parts = urlsplit(address.replace("\\", "/"))
    is_local = address.startswith("/") and not address.startswith(("//", "/\\"))
    if not is_local or parts.netloc or parts.scheme or not address.isprintable():
        return HOME
    return address


def is_secure(request: Request) -> bool:
    """Return whether the cookie is for HTTPS only: everywhere but on the machine itself."""
    return request.url.hostname not in _LOOPBACK


def is_open(request: Request) -> bool:
    """Return whether a browser came without HTTPS, and will therefore keep no session."""
    # Browsers send where a request comes from only over HTTPS or on the machine itself.
    return is_secure(request) and "sec-fetch-mode" not in request.headers


def _is_from_here(request: Request) -> bool:
    origin = request.headers.get("origin")
    if origin not in (None, "null") and urlsplit(origin).netloc != request.headers.get("host"):
        return False
    return request.headers.get("sec-fetch-site") in (None, "same-origin", "none")
