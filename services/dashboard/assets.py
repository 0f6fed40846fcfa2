"""The names of the built front-end files, from the manifest that the build writes."""

import json
from dataclasses import dataclass
from pathlib import Path

from flask import Flask, url_for

from shared.log import get_logger

log = get_logger(__name__)

MANIFEST = Path(__file__).parent / "static" / "dist" / "manifest.json"
_ENTRY = "src/main.ts"
_FONT = "inter-latin-wght-normal.woff2"


@dataclass(frozen=True, slots=True)
class Assets:
    """Paths under /static. Empty when the front end has not been built."""

    scripts: tuple[str, ...] = ()
    styles: tuple[str, ...] = ()
    fonts: tuple[str, ...] = ()


def read_assets(manifest: Path) -> Assets:
    """The files of the entry point and the font that every page needs at once."""
    if not manifest.exists():
        log.warning("the front end is not built: run `make setup`, or `npm ci && npm run build` in its folder")
        return Assets()
    chunks = json.loads(manifest.read_text())
    entry = chunks[_ENTRY]
    fonts = [chunk["file"] for name, chunk in chunks.items() if name.endswith(_FONT)]
    return Assets(
        scripts=(f"dist/{entry['file']}",),
        styles=tuple(f"dist/{name}" for name in entry.get("css", ())),
        fonts=tuple(f"dist/{name}" for name in fonts),
    )


def install_assets(app: Flask) -> None:
    """Offer `assets.scripts`, `.styles` and `.fonts` (URLs) to every template."""
    found = read_assets(MANIFEST)

    @app.context_processor
    def assets() -> dict[str, Assets]:
        return {"assets": Assets(_urls(found.scripts), _urls(found.styles), _urls(found.fonts))}


def _urls(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(url_for("static", filename=name) for name in names)
