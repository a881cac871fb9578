import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "examples" / "custom-steps"


@pytest.fixture(scope="session")
def install(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], Path]:
    """Return a function that installs a package into a separate folder without a package index."""

    def installed(package: Path) -> Path:
        folder = tmp_path_factory.mktemp("installed")
        source = shutil.copytree(package, folder / "source")
        options = ["--no-deps", "--no-build-isolation", "--no-index", "--target", folder / "target"]
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        shown = subprocess.run(
            [*command, *map(str, options), str(source)], capture_output=True, text=True, check=False
        )
        assert shown.returncode == 0, shown.stderr
        return folder / "target"

    return installed


@pytest.fixture(scope="session")
def target(install: Callable[[Path], Path]) -> Path:
    """Install the example package and return the folder."""
    return install(PACKAGE)
