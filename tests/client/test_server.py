"""What a client is made with is checked before anything is sent, and no key gets into an error."""

import pytest

from stepwell import Client, NoCredentials, WrongAddress


@pytest.mark.parametrize(
    "url", ["localhost:8080", "ftp://flows", "http://", "http://[", "http://flows:99999", "flows"]
)
def test_an_address_that_cannot_be_asked_is_named_with_its_fix(url: str) -> None:
    with pytest.raises(WrongAddress, match=r"http://127\.0\.0\.1:8080"):
        Client(url, api_key="sk_1")
    with pytest.raises(WrongAddress) as wrong:
        Client("ftp://ada:hidden@flows", api_key="sk_1")
    assert "hidden" not in str(wrong.value)


@pytest.mark.parametrize("value", ["schlüssel", "sk_1\n", "sk 1", "sk_\x00"])
def test_what_no_header_can_carry_is_refused_without_being_shown(value: str) -> None:
    for given, name in (
        ({"api_key": value}, "STEPWELL_KEY"),
        ({"api_key": "sk_1", "tenant": value}, "STEPWELL_TENANT"),
        ({"token": value}, "STEPWELL_TOKEN"),
    ):
        with pytest.raises(NoCredentials, match=name) as wrong:
            Client("http://flows", **given)  # type: ignore[arg-type]
        assert value not in str(wrong.value)
