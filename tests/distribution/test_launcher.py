"""The shell launcher of the single-file program, with a program that prints its arguments."""

import io
import os
import subprocess
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from distribution.binary import archive, written
from distribution.program import readable
from distribution.wheels import settled

SHOWN = '#!/bin/sh\necho "$0" "$@"\n[ "$1" = wait ] && read -r _\nexit 3\n'


@pytest.fixture
def program(tmp_path: Path) -> Path:
    folder = tmp_path / "build" / "stepwell"
    (folder / "_internal").mkdir(parents=True)
    (folder / "stepwell").write_text(SHOWN)
    (folder / "stepwell").chmod(0o755)
    (folder / "_internal" / "data").write_bytes(bytes(range(256)) * 4_000)
    return folder


@pytest.fixture
def file(program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    return written(program, tmp_path / "out")


def start(file: Path, *words: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [file, *words], env={"PATH": os.environ["PATH"], **environment}, capture_output=True,
        text=True, check=False, timeout=60,
    )  # fmt: skip


def test_it_unpacks_once_and_passes_on_arguments_and_exit_code(file: Path, tmp_path: Path) -> None:
    for _ in range(2):
        shown = start(file, "two words", "*", HOME=str(tmp_path))
        assert (shown.returncode, shown.stderr) == (3, "")
        program, words = shown.stdout.split(" ", 1)
        assert words == "two words *\n"
    (place,) = (tmp_path / ".cache" / "stepwell").iterdir()
    assert Path(program).parent == place
    assert (place / "_internal" / "data").read_bytes() == bytes(range(256)) * 4_000
    assert place.parent.stat().st_mode & 0o077 == 0


def test_concurrent_first_starts_unpack_one_complete_program(file: Path, tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as several:
        shown = list(several.map(lambda _: start(file, HOME=str(tmp_path)), range(8)))
    assert [(each.returncode, each.stderr) for each in shown] == [(3, "")] * 8
    assert len(list((tmp_path / ".cache" / "stepwell").iterdir())) == 1


@pytest.mark.parametrize("cut", [1, 1_000])
def test_a_damaged_file_is_reported_and_leaves_nothing(
    file: Path, tmp_path: Path, cut: int
) -> None:
    file.write_bytes(file.read_bytes()[:-cut])
    shown = start(file, HOME=str(tmp_path))
    assert shown.returncode == 1
    assert "is damaged or cut off: download it again" in shown.stderr
    assert list((tmp_path / ".cache" / "stepwell").iterdir()) == []


def test_without_a_folder_to_unpack_to_it_names_the_setting(file: Path, tmp_path: Path) -> None:
    assert "set STEPWELL_CACHE" in start(file).stderr
    (tmp_path / "taken").write_text("")
    assert "set STEPWELL_CACHE" in start(file, STEPWELL_CACHE=str(tmp_path / "taken")).stderr
    assert start(file, CACHE_DIRECTORY=str(tmp_path / "service")).returncode == 3
    assert (tmp_path / "service" / "stepwell").is_dir()


def test_an_unpacked_version_that_is_not_running_is_removed(
    file: Path, program: Path, tmp_path: Path
) -> None:
    home = {"HOME": str(tmp_path)}
    start(file, **home)
    (program / "_internal" / "data").write_bytes(b"second")
    second = written(program, tmp_path / "second")
    with subprocess.Popen(
        [second, "wait"], env={"PATH": os.environ["PATH"], **home}, stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as running:  # fmt: skip
        assert running.stdout is not None
        running.stdout.readline()
        (program / "_internal" / "data").write_bytes(b"third")
        assert start(written(program, tmp_path / "third"), **home).returncode == 3
        places = (tmp_path / ".cache" / "stepwell").iterdir()
        kept = sorted((place / "_internal" / "data").read_bytes() for place in places)
        assert kept == [b"second", b"third"]
        running.communicate(b"\n")


def test_what_a_private_checkout_contains_can_be_read_by_every_user(program: Path) -> None:
    for path in (program, *program.rglob("*")):
        path.chmod(path.stat().st_mode & 0o700)
    readable(program)
    modes = {
        str(path.relative_to(program)): oct(path.stat().st_mode & 0o777)
        for path in program.rglob("*")
    }
    assert modes == {"stepwell": "0o755", "_internal": "0o755", "_internal/data": "0o644"}


def test_a_wheel_keeps_its_content_and_forgets_the_checkout(tmp_path: Path) -> None:
    wheels = []
    for mode in (0o640, 0o644):
        source, wheel = tmp_path / "app.py", tmp_path / f"{mode}.whl"
        source.write_text("x = 1\n")
        source.chmod(mode)
        with zipfile.ZipFile(wheel, "w") as packed:
            packed.write(source, "app.py")
        os.utime(source, (mode * 10_000_000, mode * 10_000_000))
        with zipfile.ZipFile(wheel, "a") as packed:
            packed.write(source, "app2.py")
        wheels.append(settled(wheel.read_bytes(), 1_700_000_000))
    assert wheels[0] == wheels[1]
    with zipfile.ZipFile(io.BytesIO(wheels[0])) as packed:
        assert {name: packed.read(name) for name in packed.namelist()} == dict.fromkeys(
            ("app.py", "app2.py"), b"x = 1\n"
        )


def test_the_same_folder_produces_the_same_archive(program: Path) -> None:
    first = archive(program, 1_700_000_000)
    (program / "stepwell").touch()
    assert archive(program, 1_700_000_000) == first
    (program / "stepwell").chmod(0o644)
    assert archive(program, 1_700_000_000) != first
