"""`python -m distribution KIND ... [--out FOLDER]`: build distributions."""

import argparse
import os
from pathlib import Path

from distribution import binary, image, package, program
from distribution.checkout import ROOT

_KINDS = ("binary", "image", "package")


def main() -> None:
    """Make each kind that is asked for, and say where it is and how large."""
    parser = argparse.ArgumentParser(prog="distribution", description=main.__doc__)
    parser.add_argument("kinds", nargs="+", choices=_KINDS, metavar="KIND", help=", ".join(_KINDS))
    parser.add_argument("--out", type=Path, default=ROOT / "dist")
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "distribution")
    args = parser.parse_args()
    os.umask(0o022)  # others than who builds have to read the results
    work: Path = args.work.absolute()
    folder = program.built(work)
    if "image" in args.kinds:
        _tell(image.written(folder, args.out))
    if {"binary", "package"} & set(args.kinds):
        file = binary.written(folder, args.out)
        _tell(file)
        if "package" in args.kinds:
            _tell(package.written(file, work, args.out))


def _tell(file: Path) -> None:
    print(f"{file} {file.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
