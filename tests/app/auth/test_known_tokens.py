"""The cache of verified tokens."""

from app.auth.caller import Caller
from app.auth.known_tokens import KnownTokens
from app.auth.roles import Role

ADA = Caller("acme", Role.VIEWER, "user:ada")


def test_a_token_is_cached_for_a_minute_and_not_beyond_its_expiry() -> None:
    tokens = KnownTokens()
    tokens.keep("long", ADA, 1_000_000, 9_999)
    tokens.keep("short", ADA, 1_000_000, 1_010)
    assert tokens.get("long", 1_000_000) is tokens.get("long", 1_059_999) is ADA
    assert tokens.get("long", 1_060_000) is None
    assert tokens.get("short", 1_009_999) is ADA
    assert tokens.get("short", 1_010_000) is None
    assert tokens.get("lon", 1_000_000) is None


def test_a_token_is_not_known_after_the_clock_was_set_back() -> None:
    tokens = KnownTokens()
    tokens.keep("token", ADA, 1_000_000, 9_999)
    assert tokens.get("token", 999_999) is None


def test_the_cache_is_bounded_in_count_and_length() -> None:
    tokens = KnownTokens()
    tokens.keep("x" * 8_193, ADA, 0, 100)
    assert tokens.get("x" * 8_193, 0) is None
    for number in range(1_002):
        tokens.keep(str(number), ADA, 0, 100)
    known = [number for number in range(1_002) if tokens.get(str(number), 0)]
    assert known == list(range(2, 1_002))
