"""A wrong value of a setting is named with its source and its fix, in the words of the project."""

import re

import pytest

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
            told = str(wrong)
            assert re.match(rf"{name}(\[\d\])? \(environment\): ", told)
            assert not FOREIGN.search(told), told
        else:
            assert found not in (float("inf"), -1), (name, value)


@pytest.mark.parametrize("name", Settings.model_fields)
def test_an_empty_variable_counts_as_not_set(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"STEPWELL_{name.upper()}", " ")
    loaded = load({})
    assert loaded.sources[name] == "default"
    assert getattr(loaded.settings, name) == Settings.model_fields[name].default
