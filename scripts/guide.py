"""Build the guide: a site of the pages in `docs/`, which the server shows at `/guide`.

With `--strict`, as in the tests, a page that is in no section or a broken link is an error.
"""

import os
import shutil
import sys
import tempfile
from pathlib import Path

from sphinx.cmd.build import build_main

ROOT = Path(__file__).parents[1]
SITE = ROOT / "app" / "web" / "guide" / "site"
_NOT_SERVED = ("*.map", "objects.inv", ".buildinfo")


def make(site: Path, *, strict: bool) -> int:
    """Write the site into a folder, replacing its contents; return 0 or an error code."""
    site.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=site.parent) as folder:
        made = Path(folder, "site")
        os.environ.setdefault("SOURCE_DATE_EPOCH", "0")
        failed = build_main(
            [
                "--quiet", *(["--fail-on-warning", "--keep-going"] if strict else []),
                "-b", "dirhtml",
                "-d", str(Path(folder, "trees")), "-c", str(ROOT / "docs" / "site"),
                str(ROOT), str(made),
            ]
        )  # fmt: skip
        if failed:
            return failed
        shutil.rmtree(made / "_sources", ignore_errors=True)
        for pattern in _NOT_SERVED:
            for file in made.rglob(pattern):
                file.unlink()
        shutil.rmtree(site, ignore_errors=True)
        made.rename(site)
    return 0


if __name__ == "__main__":
    sys.exit(make(SITE, strict="--strict" in sys.argv))
