"""The theme and density of the console, stored in a cookie so that pages arrive in them."""

from starlette.requests import Request

COOKIE = "stepwell_look"
THEMES = ("light", "dark")
DENSITIES = ("compact",)


def appearance_of(request: Request) -> dict[str, str]:
    """Return the theme and the density that the browser has chosen; empty means the default."""
    words = request.cookies.get(COOKIE, "").split(".")
    return {"theme": _first(words, THEMES), "density": _first(words, DENSITIES)}


def _first(words: list[str], known: tuple[str, ...]) -> str:
    return next((word for word in words if word in known), "")
