"""`python -m distribution.assets`: build the typeface and the icons of the console.

Both come from npm packages pinned by their hashes. Only what the console uses is kept: two files
of the typeface Inter, the second without its rarer letters, and the icons named in
`app/web/console/icons.py`.
"""

import json
import re
import tarfile
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path

from app.web.console.icons import BUILT, DRAWINGS
from distribution.checkout import ROOT
from distribution.downloads import npm_package

_INTER = (
    "@fontsource-variable/inter",
    "5.3.0",
    "sha512-OupL48va4JNofb97w6NYeF9S7W/kHNKM0Er8Dem5nqi4jeOLrVJDoE8tZEpnMJmtkvNbB1EIPPwHcdkF6b1oUA==",
)
_LUCIDE = (
    "lucide-static",
    "1.62.0",
    "sha512-WBZA/m2PvkFpMGHDtsBck5P2A9G4ehLlYu4GwwICcmEm1BvYVgj00lCDxKRWLlbMlOibLaiwdQ88G5pHkSWgwA==",
)
_SUBSETS = ("latin-ext", "latin")
_KEPT = (
    "U+0100-017F,U+018F,U+0192,U+01CD-01DC,U+0218-021B,U+0259,U+1E80-1E85,U+1E9E,U+20A0-20AB,"
    "U+20AD-20C0"
)
"""The letters of `latin-ext` that are kept: those of European languages, Turkish, Azerbaijani and
Pinyin, and signs of currencies. The system's typeface draws all others."""

_RANGE = re.compile(r"unicode-range: [^;]*;")
_FACE = re.compile(r"/\* inter-([a-z-]+)-wght-normal \*/\s*(@font-face \{.*?\n\})", re.DOTALL)
_SHAPE = re.compile(r"<(?:path|circle|rect|line|polyline|polygon|ellipse) [^>]*?/>", re.DOTALL)


class NotAsExpected(Exception):
    """A package does not contain an expected file."""


def main() -> None:
    """Write the files into the folder `built` of the console."""
    work = ROOT / "build" / "assets"
    work.mkdir(parents=True, exist_ok=True)
    BUILT.mkdir(exist_ok=True)
    files = {f"inter-{name}.woff2": f"files/inter-{name}-wght-normal.woff2" for name in _SUBSETS}
    inter = _read(npm_package(*_INTER, work), ["LICENSE", "wght.css", *files.values()])
    icons = {name: f"icons/{name}.svg" for name in sorted(DRAWINGS)}
    lucide = _read(npm_package(*_LUCIDE, work), ["LICENSE", *icons.values()])
    for name, packed in files.items():
        whole = inter[packed]
        (BUILT / name).write_bytes(with_kept(whole) if "latin-ext" in name else whole)
    (BUILT / "inter.css").write_text(faces(inter["wght.css"].decode()))
    licenses = (("Inter", inter), ("Lucide", lucide))
    (BUILT / "LICENSES.txt").write_text(
        "\n\n".join(f"{name}\n\n{package['LICENSE'].decode()}" for name, package in licenses)
    )
    drawn = {name: shapes(lucide[packed].decode()) for name, packed in icons.items()}
    # Written last: targets that depend on this folder check for this file.
    (BUILT / "icons.json").write_text(json.dumps(drawn, indent=1))
    print(f"{BUILT}: Inter {_INTER[1]}, {len(drawn)} icons of Lucide {_LUCIDE[1]}")


def faces(css: str) -> str:
    """Return the rules of the typeface for the kept files.

    The typeface is optional: a page shown before it is loaded keeps its fallback.
    """
    found = {name: face for name, face in _FACE.findall(css) if name in _SUBSETS}
    if set(found) != set(_SUBSETS):
        raise NotAsExpected("the style sheet of Inter does not name the files that are kept")
    found["latin-ext"] = _RANGE.sub(f"unicode-range: {_KEPT};", found["latin-ext"])
    return "".join(
        face.replace(f"./files/inter-{name}-wght-normal.woff2", f"inter-{name}.woff2").replace(
            "font-display: swap", "font-display: optional"
        )
        + "\n"
        for name, face in found.items()
    )


def with_kept(woff2: bytes) -> bytes:
    """Return a typeface with the kept letters only."""
    from fontTools import subset  # noqa: PLC0415 - only what makes a distribution has it

    options = subset.Options(flavor="woff2")
    kept = BytesIO()
    with subset.load_font(BytesIO(woff2), options) as font:
        subsetter = subset.Subsetter(options)
        subsetter.populate(unicodes=subset.parse_unicodes(_KEPT))
        subsetter.subset(font)
        subset.save_font(font, kept, options)
    return kept.getvalue()


def shapes(svg: str) -> str:
    """Return the shapes of an icon in one line, without the enclosing element."""
    found = [" ".join(shape.split()).replace(" />", "/>") for shape in _SHAPE.findall(svg)]
    if not found:
        raise NotAsExpected("an icon of Lucide has no shapes")
    return "".join(found)


def _read(archive: Path, names: Iterable[str]) -> dict[str, bytes]:
    """Return the named files of a package, reading the archive once."""
    wanted = {f"package/{name}": name for name in names}
    found: dict[str, bytes] = {}
    with tarfile.open(archive, "r|gz") as packed:
        for entry in packed:
            content = packed.extractfile(entry) if entry.name in wanted else None
            if content is not None:
                found[wanted[entry.name]] = content.read()
    if missing := set(wanted.values()) - set(found):
        raise NotAsExpected(f"{archive.name} has no {', '.join(sorted(missing))}")
    return found


if __name__ == "__main__":
    main()
