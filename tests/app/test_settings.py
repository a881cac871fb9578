"""A wrong value of a setting is named with its source and its fix, in the words of the project."""

import re

import pytest

from app.settings.network_values import own_address
from app.settings.server import Settings, SettingsError, load

FOREIGN = re.compile(r"Input|Value error|unable to|pattern|lax-or-strict|valid integer")
WRONG = ("abc", "-1", "[", "nan", "1e400")


@pytest.mark.parametrize("name", Settings.model_fields)
def test_a_wrong_value_is_named_with_its_fix(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for value in WRONG:
        monkeypatch.setenv(f"STEPWELL_{name.upper()}", value)
        try:
            found = getattr(load({}).settings, name)
        except SettingsError as wrong:
            reported = str(wrong)
            assert re.match(rf"{name}(\[\d\])? \(environment\): ", reported)
            assert not FOREIGN.search(reported), reported
        else:
            assert found not in (float("inf"), -1), (name, value)


@pytest.mark.parametrize("name", Settings.model_fields)
def test_an_empty_variable_counts_as_not_set(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"STEPWELL_{name.upper()}", " ")
    loaded = load({})
    assert loaded.sources[name] == "default"
    assert getattr(loaded.settings, name) == Settings.model_fields[name].default


@pytest.mark.parametrize(
    ("name", "fits", "fails"),
    [
        ("cors_origins", ["https://app.example", "http://localhost:3000", "http://[::1]:8080",
                          "capacitor://localhost", "https://xn--mnchen-3ya.example", "*"],
         ["abc", "https://app.example/", "https://App.example", "https://app.example:443",
          "https://münchen.example", "https://*.example", "https://a b", "app.example",
          "https://app.example:99999"]),
        ("no_proxy", [".corp.example", "*.corp.example", "10.0.0.0/8", "10.1.2.3", "fd00::/8",
                      "::1", "localhost", "münchen.example"],
         ["10.0.0.0/33", "10.0.0", "*", "http://a.example", "a.example:80", "[::1]", "a b", "10.*",
          "a..b"]),
        ("proxy", ["http://p.example:3128", "https://user:p%40ss@[::1]:8443/", "http://p"],
         ["http://p:99999", "http://p:0", "http://a..b:80", "http://[:::1]:80", "http://u:a@b@p:80",
          "http://p:80/x", "http://p:80?x"]),
        ("public_url", ["https://flows.example", "http://127.0.0.1:8080", "http://[::1]:8080"],
         ["https://x.example?y", "https://x.example#y", "https://x.example:99999", "https://:80",
          "https://x y", "https://x.example/"]),
        ("otlp_endpoint", ["http://127.0.0.1:4318", "https://c.example/otlp"],
         ["http://c:99999", "http:// x", "https://c.example?x=1"]),
        ("s3_endpoint", ["http://127.0.0.1:9000"], ["http://x:99999", "http://?", "http://.:80"]),
        ("otlp_headers", ["authorization=Basic abc==,x-tenant=a"], ["abc", "a=b,=c", "a=ü", "a b=c"]),
        ("smtp_host", ["mail.example", "10.0.0.1", "::1"], ["smtp://x", "x:25", "a b"]),
        ("metrics_token", ["0123456789abcdef"], ["0123456789abcdéf", "0123456789abcde f"]),
        ("call_rates", ['{"host:api.example": "1/s"}', '{"host:10.0.0.1": "1/s"}'],
         ['{"host:http://x/": "1/s"}', '{"host:API.example": "1/s"}', '{"host:x:443": "1/s"}']),
        ("mcp_servers", ['{"a": {"url": "http://h:80/mcp"}}'],
         ['{"a": {"url": "http://h:99999/mcp"}}', '{"a": {"url": "http://[::1/mcp"}}']),
    ],
)  # fmt: skip
def test_a_place_in_the_network_that_cannot_be_reached_is_refused(
    name: str, fits: list[str], fails: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for value in fits:
        monkeypatch.setenv(f"STEPWELL_{name.upper()}", value)
        assert getattr(load({}).settings, name)
    for value in fails:
        monkeypatch.setenv(f"STEPWELL_{name.upper()}", value)
        with pytest.raises(SettingsError, match=name):
            load({})


def test_a_token_that_is_too_short_is_counted_in_characters(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("STEPWELL_METRICS_TOKEN", "short")
    with pytest.raises(SettingsError, match=r"must have at least 16 characters$"):
        load({})


@pytest.mark.parametrize(
    ("host", "address"),
    [("0.0.0.0", "http://127.0.0.1:81"), ("::", "http://127.0.0.1:81"),
     ("::1", "http://[::1]:81"), ("box", "http://box:81")],
)  # fmt: skip
def test_the_address_of_a_server_leads_to_it(host: str, address: str) -> None:
    assert own_address(host, 81) == address
