"""The request to a model in the form that is stored beside its answer, for people to read."""

from collections.abc import Sequence

from engine import Json
from steps.effects.chat import FilePart, Message, Part, TextPart

_LONGEST = 20_000


def newly_asked(messages: Sequence[Message]) -> list[Json]:
    """Return the instructions and people's messages since the model's last answer.

    Results of tools are left out, because they have records of their own.
    """
    last = max((at for at, item in enumerate(messages) if item.role == "assistant"), default=-1)
    return [
        {"role": message.role, "text": _shown(message.parts)}
        for message in messages[last + 1 :]
        if message.role in ("system", "user")
    ]


def _kind(part: Part) -> str:
    if isinstance(part, FilePart):
        return f"file {part.name}" if part.name else "file"
    return "picture"


def _shown(parts: Sequence[Part]) -> str:
    text = "\n\n".join(
        part.text
        if isinstance(part, TextPart)
        else f"({_kind(part)}, {part.media_type}, {len(part.content):,} bytes)"
        for part in parts
    )
    more = len(text) - _LONGEST
    return text if more <= 0 else f"{text[:_LONGEST]}... ({more:,} more characters)"
