"""The example of a cluster of two processes: its parts match each other and the settings."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from app.cli.main import GROUPS
from app.settings.server import Loaded, load
from distribution.image import _CONFIG

FOLDER = Path(__file__).parents[2] / "examples" / "cluster"
TEXT = (FOLDER / "compose.yaml").read_text()
BALANCER = (FOLDER / "haproxy.cfg").read_text()
GIVEN = {"POSTGRES_PASSWORD": "pw", "S3_SECRET_KEY": "s3", "STEPWELL_SECRETS_KEY": "A" * 43 + "="}
FILE: Any = yaml.safe_load(
    re.sub(r"\$\{(\w+)(?::-([^}]*)|:\?)\}", lambda at: at[2] or GIVEN[at[1]], TEXT)
)
SERVICES = FILE["services"]
PROCESSES = {name: one for name, one in SERVICES.items() if one["image"].startswith("stepwell:")}


def loaded(process: Any) -> Loaded:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in process["environment"].items():
            patch.setenv(name, value)
        return load({})


def test_all_processes_have_the_same_settings_and_separate_folders() -> None:
    assert len(PROCESSES) == 2
    for one in PROCESSES.values():
        used = {name for name, source in loaded(one).sources.items() if source == "environment"}
        assert used == {name.removeprefix("STEPWELL_").lower() for name in one["environment"]}
        assert one["healthcheck"]["test"][-1] in GROUPS["ready"]
    first, second = PROCESSES.values()
    assert {**first, "volumes": 0} == {**second, "volumes": 0}
    assert first["volumes"] != second["volumes"]


def test_named_files_and_services_exist() -> None:
    mounted = [volume.split(":") for one in SERVICES.values() for volume in one.get("volumes", [])]
    named = {source for source, *_ in mounted if not source.startswith("./")}
    assert named == set(FILE["volumes"])
    assert all((FOLDER / source).is_file() for source, *_ in mounted if source.startswith("./"))
    wanted = {name for one in SERVICES.values() for name in one.get("depends_on", ())}
    assert wanted < set(SERVICES)
    readme = (FOLDER / "README.md").read_text()
    (env,) = re.findall(r"<<END\n(.*?)END", readme, re.DOTALL)
    assert set(re.findall(r"^(\w+)=", env, re.MULTILINE)) == set(GIVEN)
    assert set(re.findall(r"\$\{(\w+):\?\}", TEXT)) == set(GIVEN)
    assert set(re.findall(r"stepwell-\w", readme)) == set(PROCESSES)


def test_the_parts_refer_to_each_other_correctly() -> None:
    environment = next(iter(PROCESSES.values()))["environment"]
    database, postgres = urlsplit(environment["STEPWELL_DATABASE"]), SERVICES["postgres"]
    assert postgres["environment"] == {
        "POSTGRES_USER": database.username, "POSTGRES_PASSWORD": database.password,
        "POSTGRES_DB": database.path[1:], "POSTGRES_INITDB_ARGS": "--encoding=UTF8",
    }  # fmt: skip
    endpoint, s3 = urlsplit(environment["STEPWELL_S3_ENDPOINT"]), SERVICES["s3"]
    assert (database.hostname, endpoint.hostname) == ("postgres,standby", "s3")
    standby = SERVICES["standby"]
    assert (standby["image"], standby["user"]) == (postgres["image"], "postgres")
    assert standby["environment"] == {"PGPASSWORD": database.password}
    assert f"pg_basebackup -h postgres -U {database.username} " in standby["entrypoint"][-1]
    assert s3["environment"]["VGW_PORT"] == f":{endpoint.port}"
    assert s3["environment"]["VGW_REGION"] == environment["STEPWELL_S3_REGION"]
    assert s3["environment"]["ROOT_ACCESS_KEY"] == environment["STEPWELL_S3_ACCESS_KEY"]
    assert s3["environment"]["ROOT_SECRET_KEY"] == environment["STEPWELL_S3_SECRET_KEY"]
    bucket = f"{s3['command'][1]}/{environment['STEPWELL_S3_BUCKET']}"
    assert SERVICES["bucket"]["entrypoint"][-1] == bucket
    assert SERVICES["bucket"]["volumes"] == s3["volumes"]


def test_the_balancer_checks_the_readiness_of_each_process() -> None:
    port = _CONFIG[_CONFIG.index("--config.exposedports") + 1].removesuffix("/tcp")
    servers = re.findall(r"^ +server \w+ ([\w-]+):(\d+)$", BALANCER, re.MULTILINE)
    assert sorted(servers) == sorted((name, port) for name in PROCESSES)
    (bound,) = re.findall(r"^ +bind :(\d+)$", BALANCER, re.MULTILINE)
    balancer = SERVICES["balancer"]
    assert balancer["ports"] == [f"127.0.0.1:{bound}:{bound}"]
    assert balancer["healthcheck"]["test"][-1] == f"http://127.0.0.1:{bound}/readyz"
    assert re.findall(r"option httpchk (.+)", BALANCER) == ["GET /readyz"]

    unasked = {name for name, one in SERVICES.items() if "healthcheck" not in one}
    assert unasked == {"bucket"}


def test_no_timeout_is_too_short() -> None:
    for one in PROCESSES.values():
        settings = loaded(one).settings
        longest = max(settings.sync_wait_limit, settings.event_heartbeat)
        waits = re.findall(r"timeout (?:client|server) (\d+)s", BALANCER)
        assert [int(wait) > longest for wait in waits] == [True, True]
        assert int(one["stop_grace_period"].removesuffix("s")) > settings.shutdown_grace
