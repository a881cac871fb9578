"""Uploaded files: names are never paths, declared types are ignored, nothing is rendered."""

import hashlib
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
import pytest

from app.files.media_types import media_type_of
from tests.harness.server import Server

NAMES = [
    "../../etc/passwd", "..\\..\\windows\\x", "/etc/passwd", "C:\\x", "\\\\server\\share", "a/../../b", "....//....//x",
    "%2e%2e%2fx", "..%c0%afx", "a\0.txt", "a.txt\0.html", "a\r\nSet-Cookie: x=1", "a\nb", 'a"b', "a'b", "a;b", "a\\", "a\x1b[2J",
    "\u202egpj.exe", "\u200b", "\ufeff", "x" * 1_000, ".", "..", "...", " ", "~", "~root", "$HOME", "`id`", "$(id)", "|id", "-rf",
    "con", "nul.txt", "a:b", "file://x", "data:text/html,x", "<img src=x onerror=alert(1)>.png", "{{ 7 * 7 }}", "journal.sqlite3",
    "secrets.key", "stepwell.lock", "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"), "é" * 300,
]  # fmt: skip
FLOW: dict[str, Any] = {
    "name": "Files", "initialStep": "end",
    "steps": [{"id": "end", "type": "end-flow", "result": {"id": "{{ data.fileId }}"}}],
}  # fmt: skip


def upload(client: httpx.Client, name: str, content: bytes, kind: str = "text/html") -> Any:
    escaped = name.replace("\r", "").replace("\n", "").replace('"', "%22")
    head = (
        f'--x\r\nContent-Disposition: form-data; name="attachment"; filename="{escaped}"\r\n'
        f"Content-Type: {kind}\r\n\r\n"
    )
    client.post("/api/workflows", json={**FLOW, "id": "files"})
    sent = head.encode() + content + b"\r\n--x--\r\n"
    headers = {"content-type": "multipart/form-data; boundary=x"}
    answer = client.post("/api/workflow/start/files", content=sent, headers=headers)
    assert answer.status_code == 200, (name, answer.text)
    data = answer.json()["data"]
    return data["attachment"], client.get(f"/api/workflow/files/{data['fileId']}")


@pytest.mark.data_folder
def test_no_name_is_a_path_and_every_file_is_served_as_a_download(server: Server) -> None:
    around = sorted(server.data.parent.iterdir())
    before = {file.name for file in server.data.iterdir()}
    expected = set()
    client = server.client()
    for number, name in enumerate(NAMES):
        content = f"<script>{number}</script>".encode()
        expected.add(hashlib.sha256(content).hexdigest())
        stored, back = upload(client, name, content)
        assert back.content == content
        kept = stored["fileName"]
        assert 0 < len(kept) <= 200
        assert not re.search(r"[/\\\x00-\x1f\x7f\u202e]", kept), name
        assert kept not in (".", "..")
        disposition = back.headers["content-disposition"]
        match = re.fullmatch(r"attachment; filename\*=UTF-8''([A-Za-z0-9%._~-]+)", disposition)
        assert match, disposition
        assert unquote(match[1]) == kept
        assert back.headers["x-content-type-options"] == "nosniff"
        assert "sandbox" in back.headers["content-security-policy"]
        assert back.headers["cross-origin-resource-policy"] == "same-origin"
        assert back.headers["content-type"].split(";")[0] in (
            "text/plain",
            "application/octet-stream",
            "text/csv",
        )
        assert "set-cookie" not in back.headers
    client.close()
    assert sorted(server.data.parent.iterdir()) == around
    assert {file.name for file in server.data.iterdir()} == before | {"files"}
    found = {
        f"{file.parent.name}{file.name}"
        for file in (server.data / "files").rglob("*")
        if file.is_file()
    }
    assert found == expected
    assert all((file.stat().st_mode & 0o077) == 0 for file in (server.data / "files").rglob("*"))


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("a.html", b"<script>alert(1)</script>", "application/octet-stream"),
        ("a.svg", b"<svg onload=alert(1)></svg>", "text/plain"),
        ("a.xml", b"<?xml version='1.0'?><x/>", "text/plain"),
        ("a.xhtml", b"<html xmlns='http://www.w3.org/1999/xhtml'/>", "text/plain"),
        ("a.pdf", b"<script>alert(1)</script>", "text/plain"),
        ("a.png", b"<script>alert(1)</script>", "text/plain"),
        ("a.js", b"alert(1)", "text/plain"),
        ("a.html", b"%PDF-1.7", "application/pdf"),
        ("a.png", b"\x89PNG\r\n\x1a\n", "image/png"),
        ("a.html", b"\xff\xfe<\0s\0", "application/octet-stream"),
        ("a.wasm", b"\0asm\1\0\0\0\xff", "application/octet-stream"),
    ],
)
def test_the_type_is_detected_from_the_content(
    shared: Server, name: str, content: bytes, kind: str
) -> None:
    with shared.client() as client:
        for claimed in ("text/html", "image/svg+xml", "image/png"):
            _, back = upload(client, name, content, claimed)
            assert back.headers["content-type"].partition(";")[0] == kind


def test_the_type_is_never_an_executable_one(tmp_path: Path) -> None:
    for ending in ("svg", "xhtml", "js", "mjs", "css", "swf", "hta", "xsl", "mht", "webmanifest"):
        assert media_type_of(f"a.{ending}", b"<svg/>") == "text/plain"


@pytest.mark.parametrize(
    "file_id",
    [
        "../../../../etc/passwd",
        "/etc/passwd",
        "journal.sqlite3",
        "../secrets.key",
        "..%2fsecrets.key",
        "a" * 64,
        "\0",
        "%",
        "*",
        "",
    ],
)
def test_a_file_id_that_is_a_path_is_not_found(shared: Server, file_id: str) -> None:
    """JSON that looks like an upload stays plain data; no step reads a path from it."""
    steps: list[dict[str, Any]] = [
        {
            "type": "call-api",
            "method": "POST",
            "url": "http://127.0.0.1:1/",
            "file": "{{ data.fileId }}",
        },
        {
            "type": "call-tool",
            "toolId": "extract-document",
            "inputs": {"fileId": "{{ data.fileId }}"},
        },
    ]
    with shared.client() as client:
        for step in steps:
            flow = {
                "name": "Reads", "initialStep": "a",
                "steps": [{"id": "a", "retry": {"maxAttempts": 1}, **step}, {"id": "e", "type": "end-flow"}],
                "edges": [{"from": "a", "to": "e"}],
            }  # fmt: skip
            made = client.post("/api/workflows", json=flow).json()
            data = {
                "fileId": file_id,
                "attachment": {"fileId": file_id, "path": "/etc/passwd", "fileName": "x"},
            }
            run = client.post(f"/api/workflow/start/{made['id']}", json={"data": data}).json()
            assert (run["status"], run["error"]["type"]) == ("failed", "FileNotFound")
            assert "root:" not in str(run)


def test_a_symlink_in_the_files_folder_is_not_followed(server: Server) -> None:
    (server.data / "files").mkdir(exist_ok=True)
    (server.data / "files" / "et").symlink_to("/etc")
    with server.client() as client:
        for path in ("et/passwd", "et%2fpasswd", "../files/et/passwd", "et"):
            assert client.get(f"/api/workflow/files/{path}").status_code == 404
