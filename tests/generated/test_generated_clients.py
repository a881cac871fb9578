"""Clients generated from `/openapi.json` by public generators work.

`make client-test` installs the generators for other languages and tests them all; the client of
openapi-python-client is always tested.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.harness.server import Server

HERE = Path(__file__).parent
TOOLS = Path(os.environ.get("STEPWELL_CLIENT_TEST", ""))
opt_in = pytest.mark.skipif(
    "STEPWELL_CLIENT_TEST" not in os.environ, reason="a part of `make client-test`"
)
TYPESCRIPT = {
    "openapi_typescript": ["openapi-typescript", "openapi.json", "-o", "generated/schema.d.ts"],
    "orval": ["orval", "--config", "orval.config.cjs"],
    "hey_api": [
        "openapi-ts", "-i", "openapi.json", "-o", "generated/hey", "-c", "@hey-api/client-fetch",
    ],
}  # fmt: skip


def carry_out(arguments: Sequence[str | Path], folder: Path, server: Server, **more: str) -> str:
    environment = {
        **os.environ, "STEPWELL_URL": server.address, "STEPWELL_KEY": server.key(),
        "STEPWELL_TENANT": "acme", **more,
    }  # fmt: skip
    done = subprocess.run(
        arguments, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def described(tmp_path: Path, shared: Server) -> Path:
    """Return a folder with the OpenAPI document of the server."""
    with shared.client() as client:
        document = client.get("/openapi.json").json()
    (tmp_path / "openapi.json").write_text(json.dumps(document))
    shutil.copy(HERE / "definition.json", tmp_path)
    return tmp_path


def test_the_client_of_openapi_python_client(described: Path, shared: Server) -> None:
    (described / "config.yaml").write_text('{"post_hooks": []}')
    reported = carry_out(
        [
            sys.executable, "-m", "openapi_python_client", "generate", "--path", "openapi.json",
            "--meta", "none", "--output-path", "generated_api", "--config", "config.yaml",
        ],
        described, shared,
    )  # fmt: skip
    assert "Warning" not in reported, reported
    walk: list[str | Path] = [sys.executable, HERE / "python_client_walk.py", "definition.json"]
    assert carry_out(walk, described, shared, PYTHONPATH=str(described)) == "walked\n"


@opt_in
def test_the_python_client_of_openapi_generator(described: Path, shared: Server) -> None:
    tools = TOOLS / "python" / "bin"
    options = ["-i", "openapi.json", "-g", "python", "-o", ".", "--package-name", "generated_api"]
    carry_out([tools / "openapi-generator-cli", "generate", *options], described, shared)
    walk: list[str | Path] = [
        tools / "python",
        HERE / "openapi_generator_walk.py",
        "definition.json",
    ]
    assert carry_out(walk, described, shared, PYTHONPATH=str(described)) == "walked\n"


@opt_in
@pytest.mark.parametrize("generator", TYPESCRIPT)
def test_the_clients_for_typescript(generator: str, described: Path, shared: Server) -> None:
    for name in (f"{generator}_walk.ts", "tsconfig.json", "package.json", "orval.config.cjs"):
        shutil.copy(HERE / name, described)
    (described / "node_modules").symlink_to(TOOLS / "node_modules")
    programs = described / "node_modules" / ".bin"
    program, *options = TYPESCRIPT[generator]
    carry_out([str(programs / program), *options], described, shared)
    carry_out([programs / "tsc", "-p", "."], described, shared)
    walk: list[str | Path] = [programs / "tsx", f"{generator}_walk.ts", "definition.json"]
    assert carry_out(walk, described, shared) == "walked\n"


@opt_in
@pytest.mark.parametrize(
    "check",
    [
        ["redocly", "lint", "openapi.json"],
        [
            "spectral",
            "lint",
            "openapi.json",
            "--ruleset",
            "ruleset.json",
            "--fail-severity",
            "error",
        ],
        ["swagger-parser"],
    ],
    ids=lambda check: check[0],
)
def test_validators_find_no_problems(check: list[str], described: Path, shared: Server) -> None:
    (described / "ruleset.json").write_text('{"extends": ["spectral:oas"]}')
    (described / "node_modules").symlink_to(TOOLS / "node_modules")
    program, *options = check
    if program == "swagger-parser":
        script = "require('@apidevtools/swagger-parser').validate('openapi.json').catch(found => { console.error(found); process.exit(1) })"
        carry_out(["node", "-e", script], described, shared)
    else:
        carry_out([str(described / "node_modules" / ".bin" / program), *options], described, shared)
