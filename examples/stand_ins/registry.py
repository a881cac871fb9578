"""A registry over HTTP: companies, known suppliers, and a list of sanctioned names.

`GET /companies/{number}`, `GET /suppliers/{vatId}`, `GET /sanctions?name=...`, all with a bearer
token. The first request for a company is answered with 503, the next one served, to show the
retry of a step.
"""

import threading
from urllib.parse import parse_qs, unquote, urlsplit

from stand_ins.served import HttpListener, JsonHandler, Served

COMPANIES = {
    "HR-1180": {"name": "Lakeside Bakery Ltd", "status": "active", "since": "2009-03-02"},
    "HR-2044": {"name": "Quickstone Trading Ltd", "status": "dissolved", "since": "1998-11-20"},
}
SUPPLIERS = {
    "DE811234567": {"name": "Paperworks GmbH", "iban": "DE02 1203 0000 0000 2020 51"},
    "DE822345678": {"name": "Gardens and More KG", "iban": "DE02 5001 0517 5407 3249 31"},
}
SANCTIONED = {"Viktor Malden": "EU consolidated list"}


class Registry(Served):
    """Serves the tables above to clients with the token."""

    def __init__(self, token: str, port: int = 0) -> None:
        served: set[str] = set()
        lock = threading.Lock()

        class Handler(JsonHandler):
            def do_GET(self) -> None:  # noqa: N802 - the library's name
                if self.headers.get("authorization") != f"Bearer {token}":
                    self.answer(401, {"error": "no such token"})
                    return
                parts = urlsplit(self.path)
                table, _, wanted = parts.path.removeprefix("/").partition("/")
                if table == "sanctions":
                    name = parse_qs(parts.query).get("name", [""])[0]
                    on = SANCTIONED.get(name)
                    self.answer(200, {"name": name, "listed": on is not None, "list": on})
                elif table == "suppliers":
                    self._row(SUPPLIERS, unquote(wanted))
                elif table == "companies" and self._is_new():
                    self.answer(503, {"error": "busy, come again"}, {"retry-after": "0"})
                else:
                    self._row(COMPANIES if table == "companies" else {}, unquote(wanted))

            def _row(self, table: dict[str, dict[str, str]], wanted: str) -> None:
                if wanted in table:
                    self.answer(200, {"id": wanted, **table[wanted]})
                else:
                    self.answer(404, {"error": f"there is no {wanted}"})

            def _is_new(self) -> bool:
                key = self.headers.get("idempotency-key", "")
                with lock:
                    is_new = key not in served
                    served.add(key)
                return is_new

        super().__init__(HttpListener(("127.0.0.1", port), Handler))
        self.address = f"http://127.0.0.1:{self.port}"
