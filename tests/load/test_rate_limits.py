"""Rate limits of keys and tenants: 429 beyond the limit, without effect on other tenants."""

import asyncio
import time

import pytest

from app.auth.rate_limits import RateLimit
from tests.harness.flood import Ask, flood
from tests.load.conftest import Load, metric

LIST = Ask("GET", "/api/workflows")


async def test_a_key_beyond_its_rate_gets_retry_after(load: Load) -> None:
    server = load(rate_limit_key=20, rate_limit_burst=1)
    began = time.monotonic()
    answers = await flood(server, [LIST] * 200, connections=4)
    took = time.monotonic() - began
    served = [answer for answer in answers if answer.status == 200]
    refused = [answer for answer in answers if answer.status == 429]
    assert len(served) + len(refused) == 200
    assert 20 <= len(served) <= 20 + 20 * took + 1
    assert {answer.headers["retry-after"] for answer in refused} == {"1"}
    document = refused[0].json()
    assert document["error"] == "Too many requests"
    assert "this key may send 20 requests a second" in document["message"]
    assert document["requestId"] == refused[0].headers["x-request-id"]
    assert metric(server, "refused_total") == len(refused)
    await asyncio.sleep(1.1)
    assert (await flood(server, [LIST], connections=1))[0].status == 200


async def test_a_tenants_keys_share_its_rate_and_another_tenant_has_its_own(load: Load) -> None:
    server = load(rate_limit_tenant=10, rate_limit_burst=1)
    await flood(server, [LIST] * 60, connections=3)
    with server.client("viewer") as same, server.client("viewer", "other") as other:
        # The tenant's bucket is empty for its second key, too.
        statuses = [same.get("/api/workflows").status_code for _ in range(30)]
        assert 429 in statuses
        assert other.get("/api/workflows").status_code == 200


@pytest.mark.parametrize("rate", [0.5, 3, 1_000])
def test_no_period_exceeds_the_rate_plus_one_burst(rate: float) -> None:
    now = [0.0]
    limit = RateLimit(rate, burst=rate * 2, now_s=lambda: now[0])
    taken = 0
    for _ in range(20_000):
        now[0] += 0.001
        if limit.wait_s("a") == 0:
            limit.take("a")
            taken += 1
    assert taken <= rate * now[0] + max(1, rate * 2) + 1
    assert taken >= min(20_000, rate * now[0]) - 1
    wait = limit.wait_s("a")
    now[0] += wait
    assert limit.wait_s("a") == pytest.approx(0, abs=1e-6)


def test_full_buckets_are_removed() -> None:
    now = [0.0]
    limit = RateLimit(10, burst=10, now_s=lambda: now[0])
    for number in range(50_000):
        now[0] += 0.01
        limit.wait_s(str(number))
        limit.take(str(number))
    assert len(limit) <= 1_001
