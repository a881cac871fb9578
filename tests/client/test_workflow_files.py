"""`stepwell workflow`: copies definitions between files and servers."""

import json
import os
from pathlib import Path
from typing import Any

from app.definitions.definition_files import as_yaml
from app.definitions.definition_text import read_definition
from tests.harness.processes import run
from tests.harness.server import Server
from tests.harness.small_disk import fill, free, small_disk

FLOW = {
    "name": "Order", "initialStep": "call", "budget": 2.5,
    "steps": [
        {"id": "call", "type": "call-api", "url": "https://shop.example/{{ vars.SHOP }}",
         "auth": {"type": "bearer", "token": "{{ secrets.SHOP_TOKEN }}"}},
        {"id": "end", "type": "end-flow", "result": {"text": "a\nb: #c\n"}},
    ],
    "edges": [{"from": "call", "to": "end"}],
}  # fmt: skip
AGENT: dict[str, Any] = {"name": "Helper", "instructions": "Help.", "model": "small"}


def printed(server: Server, tenant: str, *arguments: object, code: int = 0) -> str:
    environment = {**os.environ, "STEPWELL_URL": server.address, "STEPWELL_TENANT": tenant,
                   "STEPWELL_KEY": server.key("owner", tenant)}  # fmt: skip
    done = run("workflow", *arguments, environment=environment)
    assert done.returncode == code, done
    return done.stdout + done.stderr


def test_from_files_to_a_server_and_back(shared: Server, tmp_path: Path) -> None:
    folder, file = tmp_path / "flows", tmp_path / "flows" / "order.json"
    folder.mkdir()
    file.write_text(json.dumps(FLOW))
    (folder / "helper.yaml").write_text(f"# with a remark\n{as_yaml(AGENT)}")

    def push(*more: str, code: int = 0) -> list[str]:
        return sorted(printed(shared, "acme", "push", folder, *more, code=code).splitlines())

    assert push("--dry-run") == [
        "agent  helper  would be created",
        "workflow  order  would be created",
    ]
    file.write_text(json.dumps({**FLOW, "initialStep": "nowhere"}, indent=1))
    (folder / "helper.yaml").write_text("name: Helper\ninstructions: Be brief.\nmodle: fast\n")
    agent, workflow = push("--dry-run", code=1)
    assert agent == f"{folder}/helper.yaml:3: modle: is not a known key; did you mean model?"
    assert workflow.startswith(f"{file}:")
    assert ": initialStep: " in workflow
    file.write_text(json.dumps(FLOW))
    (folder / "helper.yaml").write_text(f"# with a remark\n{as_yaml(AGENT)}")
    assert push() == ["agent  helper  created  1.0.0", "workflow  order  created  1.0.0"]
    assert push("--publish")[1] == "workflow  order  unchanged, published  1.0.0"
    assert push("--publish")[1] == "workflow  order  unchanged  1.0.0"
    assert printed(shared, "acme", "diff", folder) == ""

    less = {key: item for key, item in FLOW.items() if key != "budget"}
    file.write_text(json.dumps({**less, "description": "of a shop"}))
    differs = printed(shared, "acme", "diff", folder, code=1)
    assert '-  "budget": 2.5' in differs
    assert '+  "description": "of a shop"' in differs
    assert push()[1] == "workflow  order  updated  1.0.1"
    assert push()[1] == "workflow  order  unchanged  1.0.1"
    with shared.client() as client:
        assert client.get("/api/workflows/order?version=latest").json()["budget"] is None
        assert client.get("/api/workflows/order?version=published").json()["budget"] == 2.5
    assert "order  1.0.1  published" in printed(shared, "acme", "publish", "order")

    file.write_text(json.dumps(FLOW, indent=1).replace('"call-api"', '"call-apy"'))
    wrong = printed(shared, "acme", "push", folder, code=1)
    assert f"{file}:8: steps[0].type: " in wrong
    (folder / "twice.yaml").write_text("id: order\nsteps: []\n")
    assert "are both workflow order" in printed(shared, "acme", "push", folder, code=1)

    there = tmp_path / "there"
    assert "order.yaml  written" in printed(shared, "acme", "pull", "--to", there, "--yaml")
    remarked = f"# mine\n{(there / 'order.yaml').read_text()}"
    (there / "order.yaml").write_text(remarked)
    assert "unchanged" in printed(shared, "acme", "pull", "order", "--to", there)
    assert (there / "order.yaml").read_text() == remarked
    assert printed(shared, "acme", "diff", there) == ""


def test_from_one_server_to_another(shared: Server, tmp_path: Path) -> None:
    with shared.client(tenant="one") as client, shared.client(tenant="other") as other:
        client.put("/api/secrets/SHOP_TOKEN", json={"value": "s3cr3t-value"})
        for kind, document in (("workflows", FLOW), ("agents", AGENT)):
            made = client.post(f"/api/{kind}", json=document).json()
            client.post(f"/api/{kind}/{made['id']}/publish")
        client.put("/api/workflows/order", json={"description": "newer"})
        for place in (tmp_path / "all.yaml", tmp_path / "folder"):
            reported = printed(shared, "one", "export", "--to", place)
            assert "2 definitions" in reported
            assert "secrets that they name, which are not in it: SHOP_TOKEN" in reported
            written = (
                [place]
                if place.is_file()
                else [path for path in place.rglob("*") if path.is_file()]
            )
            assert "s3cr3t" not in "".join(path.read_text() for path in written)

            refused = printed(shared, "other", "import", place, code=1)
            assert "this server has no secret SHOP_TOKEN; stepwell secret set SHOP_TOKEN" in refused
            assert "this server has no variable SHOP" in refused
        assert other.get("/api/workflows").json() == []
        other.put("/api/secrets/SHOP_TOKEN", json={"value": "another"})
        assert "workflow  order  would be created, published" in printed(
            shared, "other", "import", tmp_path / "all.yaml", "--dry-run"
        )
        assert "workflow  order  created, published  1.0.0" in printed(
            shared, "other", "import", tmp_path / "folder"
        )
        reported = printed(shared, "other", "import", tmp_path / "all.yaml")
        assert reported.count("unchanged") == 2
        kept = other.get("/api/workflows/order?version=published").json()
        assert (kept["steps"], "description" in kept) == (FLOW["steps"], True)
        assert kept.get("description", "") == ""


def test_yaml_that_is_written_reads_back_unchanged() -> None:
    texts = ["", "yes", "No", "null", "1e3", "0o17", "0x1F", "1_000", "1:30", "~", "- a", "a: b", "a #b",
             " a", "a ", "a\n", "\na", "a\n b\n", "a\n\n", "a\tb", "\x07", "é\u2028", "{{ data.x }}", "on",
             ".inf", ".5", "=", "<<", "2026-01-01", "|", "'", '"', "\\", "%a", "@a", "x" * 300, "a b" * 80]  # fmt: skip
    document: dict[str, Any] = {"texts": texts, **{text: 1 for text in texts if text != "<<"}, "numbers": [1, -2.5, 1e300],
                                "none": None, "yes": True, "empty": [{}, []], "deep": [[{"a": [1]}]]}  # fmt: skip
    assert read_definition(as_yaml(document)).document == document


def test_an_export_onto_a_full_disk_is_none(shared: Server, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    place, single = disk / "folder", disk / "all.json"
    with shared.client(tenant="full") as client:
        for number in range(3):
            large = {**FLOW, "id": f"flow{number}", "note": "x" * 9_000}
            client.post("/api/workflows", json=large).raise_for_status()
    with small_disk(disk, "512k"):
        printed(shared, "full", "export", "--to", place)
        printed(shared, "full", "export", "--to", single)
        held = single.read_text()
        fill(disk / "ballast")
        for to in (place, single):
            said = printed(shared, "full", "export", "--to", to, code=1)
            assert said.startswith(f"stepwell: {to}"), said
            assert "(No space left on device): make room on that disk" in said
        assert single.read_text() == held
        assert "cannot be read" in printed(shared, "full", "import", place, code=1)
        assert [path.name for path in disk.rglob(".*")] == []
        free(disk / "ballast")
        printed(shared, "full", "export", "--to", place)
        assert (place / "stepwell-export.json").exists()
