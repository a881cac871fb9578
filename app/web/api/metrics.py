"""`/metrics`: the server's counters in the Prometheus text format."""

import hmac

from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from starlette.requests import Request
from starlette.responses import Response

from app.auth.errors import Unauthorized
from app.services import Services
from app.web.api.metric_table import MetricFamilies, Readings
from app.web.errors import error_response
from app.wire.parsing.errors import NotFoundHere
from journal import JournalError


class Metrics:
    """Shows the metrics to clients with the token; to nobody if no token is set."""

    def __init__(self, services: Services) -> None:
        self._services = services
        token = services.settings.metrics_token
        self._token = token.get_secret_value().encode() if token else None
        self._readings = Readings(services)
        # Not the library's global registry, which all servers in one process would share.
        self._registry = CollectorRegistry()
        self._registry.register(MetricFamilies(self._readings))
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        GCCollector(registry=self._registry)

    async def show(self, request: Request) -> Response:
        """Answer `GET /metrics`."""
        try:
            self._check(request)
            self._readings.runs = await self._services.journal.statistics.of_all()
        except (NotFoundHere, Unauthorized, JournalError) as failure:
            return error_response(failure, request.scope["stepwell.request_id"])
        text = generate_latest(self._registry)
        return Response(text, headers={"content-type": CONTENT_TYPE_PLAIN_0_0_4})

    def _check(self, request: Request) -> None:
        if self._token is None:
            raise NotFoundHere("there is nothing at /metrics; the setting metrics_token is not set")
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(given.encode(), self._token):
            raise Unauthorized
