"""The client package as programs install and import it."""

import tomllib
from pathlib import Path

import stepwell
from stepwell import client

ROOT = Path(__file__).parents[2]


def test_types_are_shipped() -> None:
    setup = tomllib.loads((ROOT / "client" / "pyproject.toml").read_text())["tool"]["setuptools"]
    assert "py.typed" in setup["package-data"]["stepwell"]
    assert (ROOT / "stepwell" / "py.typed").is_file()
    folders = {file.parent for file in (ROOT / "stepwell").rglob("*.py")}
    assert all((folder / "__init__.py").is_file() for folder in folders)
    packages = {str(folder.relative_to(ROOT)).replace("/", ".") for folder in folders}
    assert packages == set(setup["packages"])


def test_the_use_of_the_client_is_type_checked() -> None:
    mypy = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mypy"]
    assert mypy["strict"]
    assert "tests" in mypy["files"]
    assert (ROOT / "tests/client/typing_use.py").exists()


def test_public_names_are_exported_by_one_module() -> None:
    assert client.__all__ is stepwell.__all__
    assert all(getattr(client, name) is getattr(stepwell, name) for name in stepwell.__all__)
    private = Path(stepwell.__file__).parent.glob("*")
    assert {item.name for item in private if item.name[0] != "_"} == {"client.py", "py.typed"}
