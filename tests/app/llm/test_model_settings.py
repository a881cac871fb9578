"""Models configured by file, environment and command line."""

import json
from pathlib import Path
from typing import Any

import pytest

from app.settings.server import SettingsError, load
from tests.harness.processes import command

LOCAL = {"provider": "openai", "model": "qwen", "baseUrl": "http://127.0.0.1:8000/v1"}


def test_a_file_has_one_table_for_each_model(tmp_path: Path) -> None:
    file = tmp_path / "stepwell.toml"
    file.write_text(
        'default_model = "claude"\n'
        "[models.claude]\n"
        'provider = "anthropic"\nmodel = "claude-x"\nkeyEnv = "A_KEY"\ntimeout = "90s"\n'
        '[models."local.qwen"]\n'
        'provider = "openai"\nmodel = "qwen"\nbaseUrl = "http://127.0.0.1:8000/v1"\n'
    )
    settings = load({}, file).settings
    assert settings.default_model == "claude"
    assert settings.models["claude"].timeout == 90_000
    assert settings.models["local.qwen"].keyEnv is None


def test_the_environment_and_the_command_line_take_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEPWELL_MODELS", json.dumps({"a": LOCAL}))
    assert list(load({}).settings.models) == ["a"]
    assert list(load({"models": json.dumps({"b": LOCAL})}).settings.models) == ["b"]


@pytest.mark.parametrize(
    ("models", "place"),
    [
        ("{oops", "models"),
        ("[]", "models"),
        ({"a b": LOCAL}, "models.a b"),
        ({"a": {**LOCAL, "provider": "other"}}, "models.a.provider"),
        ({"a": {**LOCAL, "timeout": 5}}, "models.a.timeout"),
        ({"a": {**LOCAL, "api_key": "k"}}, "models.a.api_key"),
        ({"a": {**LOCAL, "secret": "s", "keyEnv": "K"}}, "models.a"),
        ({"a": {**LOCAL, "baseUrl": "models.test"}}, "models.a.baseUrl"),
    ],
)
def test_an_invalid_model_is_reported_with_its_source(models: Any, place: str) -> None:
    text = models if isinstance(models, str) else json.dumps(models)
    with pytest.raises(SettingsError) as wrong:
        load({"models": text})
    assert str(wrong.value).startswith(place)
    assert "(command line)" in str(wrong.value)


def test_config_shows_the_models_and_their_sources() -> None:
    shown = command("config", "--models", json.dumps({"a": LOCAL}), "--default-model", "a")
    assert shown["models"]["source"] == "command line"
    assert shown["models"]["value"]["a"]["model"] == "qwen"
    assert shown["default_model"]["value"] == "a"
