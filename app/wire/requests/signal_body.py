"""A signal as it is sent over HTTP."""

from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
)

from steps.document.shape import AlsoAccepts
from steps.send_signal import HOUR_MS, KeepFor, Receivers, kept_for_one
from steps.signal_names import CALLBACK, LONGEST_KEY, SignalName, is_key


def _not_reserved(name: Any) -> Any:
    if name == CALLBACK:
        raise ValueError(f"{CALLBACK} is kept for addresses of steps")
    return name


def _text(key: Any) -> Any:
    text = str(key) if isinstance(key, int) and not isinstance(key, bool) else key
    if isinstance(text, str) and not is_key(text):
        raise ValueError(f"must have {LONGEST_KEY} characters at most, none of control")
    return text


class SignalStart(BaseModel):
    """The run that is started where none waits for the signal."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    workflowId: str = Field(  # noqa: N815 - the API's word
        min_length=1, max_length=200, description="the workflow, which must wait for this signal"
    )
    version: str | None = Field(
        None,
        max_length=100,
        description="`latest`, `published`, or a number; default: the published version, or "
        "else the latest",
    )
    data: dict[str, Any] = Field({}, description="the input of the run")


class SignalBody(BaseModel):
    """Something that happened, for runs that wait for it."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    name: Annotated[SignalName, BeforeValidator(_not_reserved)] = Field(
        description="the signal's name, such as `payment`"
    )
    key: Annotated[str, BeforeValidator(_text), AlsoAccepts({"type": "integer"})] = Field(
        "", description="selects among signals of that name, such as the number of an order"
    )
    data: Any = Field(None, description="the data of the signal: any JSON")
    id: str | None = Field(
        None,
        min_length=1,
        max_length=200,
        description="an id of your choice: only the first signal with an id counts, for at least "
        "seven days",
    )
    keepFor: KeepFor = HOUR_MS  # noqa: N815 - the API's word
    to: Receivers = "one"
    start: SignalStart | None = Field(
        None,
        description="a run to start if none waits for the signal; it receives the signal. With an "
        "`id` only one run is started, however often the signal is sent",
    )

    @field_validator("to")
    @classmethod
    def _to(cls, to: Receivers, info: ValidationInfo) -> Receivers:
        return kept_for_one(to, info)

    @field_validator("start")
    @classmethod
    def _for_one(cls, start: SignalStart | None, info: ValidationInfo) -> SignalStart | None:
        if start is not None and info.data.get("to") == "all":
            raise ValueError("has no meaning where to is all")
        return start
