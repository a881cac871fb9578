"""store: values that the runs of a tenant keep between them."""

from typing import Annotated, Literal

from pydantic import Field, JsonValue

from engine import Json
from steps.contract.step_type import StepBroke
from steps.effects.effects import ToolContext
from steps.effects.tool_calls import StoreCall
from steps.language.durations import duration_ms
from steps.tools.tools import tool


@tool(id="store")
async def store(  # noqa: PLR0913 - what a step may say, by name
    context: ToolContext,
    operation: Annotated[
        Literal["get", "put", "put-if-absent", "increment", "delete"],
        Field(description="what is done with the value"),
    ],
    key: Annotated[str, Field(min_length=1, max_length=512, description="its name")],
    value: Annotated[
        JsonValue, Field(description="the value, for `put` and `put-if-absent`")
    ] = None,
    by: Annotated[
        int | float, Field(description="what `increment` adds; a value that is not there is 0")
    ] = 1,
    expiresIn: Annotated[  # noqa: N803 - the word that definitions use
        str | None,
        Field(description="how long it is kept from now on, such as `7d`; for ever without it"),
    ] = None,
) -> Json:
    """Keep a value between runs, read it, count with it, or remove it.

    The values belong to the tenant. Each change is made once for each visit of a step, also
    where a crash has it made again, and of two at the same time one comes first. `get` gives
    `found` and `value`; `put` `value` and `previous`; `put-if-absent` `stored` and the `value`
    that is there then; `increment` the new `value`; `delete` whether it was there, as `deleted`.
    """
    lasts_ms = None
    if expiresIn is not None:
        try:
            lasts_ms = duration_ms(expiresIn)
        except ValueError as wrong:
            raise StepBroke("InvalidToolInput", f"expiresIn: {wrong}", retryable=False) from wrong
    return await context.store(StoreCall(operation, key, value, by, lasts_ms))
