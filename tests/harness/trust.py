"""One TLS context for all HTTP clients of a process of tests.

Loading the certificate authorities takes 25 ms of processor time, more than most requests take.
"""

import os
import ssl
from collections.abc import Callable
from functools import cache
from typing import Any

import httpx
import httpx2
import pytest

_NAMED = ("SSL_CERT_FILE", "SSL_CERT_DIR")


def share_trust(patch: pytest.MonkeyPatch) -> None:
    """Let clients with the same trust share a context, which nothing changes once it is made."""
    for library in (httpx, httpx2):
        shared = _sharing(library.create_ssl_context)
        patch.setattr(f"{library.__name__}._transports.default.create_ssl_context", shared)


def _sharing(make: Callable[..., ssl.SSLContext]) -> Callable[..., ssl.SSLContext]:
    @cache
    def made(*given: Any) -> ssl.SSLContext:
        verify, cert, trust_env, *_ = given
        return make(verify=verify, cert=cert, trust_env=trust_env)

    def shared(verify: Any = True, cert: Any = None, trust_env: bool = True) -> ssl.SSLContext:
        return made(verify, cert, trust_env, *map(os.environ.get, _NAMED))

    return shared
