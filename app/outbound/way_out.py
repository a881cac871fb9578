"""What all outgoing connections share: trusted certificates, name lookups, and a proxy."""

import functools
import ssl
from pathlib import Path

from app.outbound.lookups import Lookups
from app.outbound.proxy import Proxy
from app.outbound.trust import trusted
from app.settings.server import Settings


class WayOut:
    """Shared by every client.

    Attributes:
        proxy: The proxy to connect through, None for direct connections.
    """

    def __init__(self, ca_file: Path | None = None, proxy: Proxy | None = None) -> None:
        """Trust the public certificates, and those of `ca_file`.

        Raises:
            SettingsError: The file cannot be read or holds no certificate.
        """
        self.lookups = Lookups()
        self.proxy = proxy
        self._ca_file = ca_file
        if ca_file is not None:
            self.trust  # noqa: B018 - a file that cannot be used is reported at the start

    @functools.cached_property
    def trust(self) -> ssl.SSLContext:
        """The trusted certificates; commands that only inspect need none."""
        return trusted(self._ca_file)


def proxy_of(settings: Settings) -> Proxy | None:
    """Return the proxy that the settings name, None if they name none."""
    if settings.proxy is None:
        return None
    return Proxy(settings.proxy.get_secret_value(), settings.no_proxy)
