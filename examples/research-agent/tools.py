"""The example's tool: a search in a folder of press cuttings."""

import json
from pathlib import Path
from typing import Annotated

from pydantic import Field

from steps import tool

_CUTTINGS = Path(__file__).with_name("press.json")


@tool(id="press.search")
def press_search(
    company: Annotated[str, Field(min_length=3, description="the name, or a part of it")],
) -> list[dict[str, str]]:
    """Search the press cuttings for a company; returns date, title and text of each."""
    cuttings: list[dict[str, str]] = json.loads(_CUTTINGS.read_text(encoding="utf-8"))
    wanted = company.casefold()
    return [item for item in cuttings if wanted in f"{item['title']} {item['text']}".casefold()]
