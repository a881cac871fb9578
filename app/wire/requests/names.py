"""Names that people give to things: one of blanks is none."""

from typing import Annotated, TypeAlias

from pydantic import StringConstraints

Name: TypeAlias = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)]
