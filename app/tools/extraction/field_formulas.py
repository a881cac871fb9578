r"""What fields of Word show without a result of their own: formulas (`EQ`), buttons, symbols.

A formula is written as `\f(1,2)`; the signs that it draws are given as characters.
"""

import re
from dataclasses import dataclass, field

from app.tools.extraction.symbols import symbol

_SWITCH = re.compile(r'\\\*\s*(?:"[^"]*"|\w+(?:\s*"[^"]*")?)')
_TOKEN = re.compile(r"\\([a-zA-Z]+)\s*-?\d*\s*|\\(.)|([(),;])|([^\\(),;]+)", re.DOTALL)
_SYMBOL = re.compile(r'SYMBOL\s+(\d{1,5}|0x[0-9a-f]{1,4})(?:.*?\\f\s+"?([^"\\]+))?', re.IGNORECASE)
_BRACKETS = {"(": ")", "[": "]", "{": "}", "<": ">"}
_SIGNS = {"su": "\u2211", "pr": "\u220f"}
_OF_SYMBOL_FONTS, _HIGHEST_BYTE = 0xF000, 0xFF
_DEEPEST = 50


def shown_by(instruction: str, *, has_result: bool = True) -> str:
    """Return what people see of a field beside its result, "" of most fields."""
    word, _, rest = instruction.strip().partition(" ")
    match word.upper():
        case "EQ":
            return _Formula(_SWITCH.sub("", rest)).shown()
        case "MACROBUTTON" | "GOTOBUTTON":
            return rest.strip().partition(" ")[2].strip()
        case "SYMBOL" if not has_result and (named := _SYMBOL.match(instruction.strip())):
            code = int(named[1], 16 if named[1].lower().startswith("0x") else 10)
            drawn = code | _OF_SYMBOL_FONTS if code <= _HIGHEST_BYTE else code
            return symbol((named[2] or "").strip(), drawn) or "\ufffd"
    return ""


@dataclass(slots=True)
class _Open:
    """A command whose arguments are being read."""

    commands: list[str]
    brackets: dict[str, str] = field(default_factory=dict)
    arguments: list[str] = field(default_factory=lambda: [""])
    readings: list[str] = field(default_factory=list)


class _Formula:
    def __init__(self, source: str) -> None:
        self._source = source
        self._open = [_Open([])]
        self._commands: list[str] = []
        self._brackets: dict[str, str] = {}

    def shown(self) -> str:
        for command, escaped, mark, text in (
            found.groups() for found in _TOKEN.finditer(self._source)
        ):
            if command:
                self._commands.append(command.lower())
            elif escaped and self._commands and self._commands[-1] in ("lc", "rc", "bc"):
                self._brackets[self._commands[-1]] = escaped
            elif mark == "(" and self._commands and len(self._open) < _DEEPEST:
                self._open.append(_Open(self._commands, self._brackets))
                self._commands, self._brackets = [], {}
            elif mark == ")" and len(self._open) > 1:
                self._close()
            elif mark in (",", ";") and len(self._open) > 1:
                self._open[-1].arguments.append("")
            else:
                self._put(escaped or mark or text)
        while len(self._open) > 1:
            self._close()
        return self._open[0].arguments[0].strip()

    def _put(self, text: str) -> None:
        if text.strip():
            self._commands, self._brackets = [], {}
        self._open[-1].arguments[-1] += text

    def _close(self) -> None:
        done = self._open.pop()
        arguments = [argument.strip() for argument in done.arguments]
        if (
            done.commands[0] == "s"
            and "up" in done.commands
            and self._open[-1].commands[:1] == ["o"]
        ):
            self._open[-1].readings.extend(arguments)
        else:
            self._open[-1].arguments[-1] += _drawn(done, arguments)


def _drawn(done: _Open, arguments: list[str]) -> str:
    match done.commands[0]:
        case "f":
            return "/".join(arguments)
        case "r":
            return "\u221a".join(arguments if len(arguments) > 1 else ["", *arguments])
        case "o":
            base = "".join(arguments)
            return f"{base}({''.join(done.readings)})" if done.readings else base
        case "b":
            first = done.brackets.get("lc") or done.brackets.get("bc") or "("
            last = done.brackets.get("rc") or _BRACKETS.get(first, first)
            sides = done.brackets or {"bc": "("}
            left = first if "lc" in sides or "bc" in sides else ""
            return f"{left}{' '.join(arguments)}{last if 'rc' in sides or 'bc' in sides else ''}"
        case "i":
            sign = next((_SIGNS[name] for name in done.commands if name in _SIGNS), "\u222b")
            return sign + " ".join(arguments)
        case "l":
            return ", ".join(arguments)
        case "d":
            return ""
    return " ".join(argument for argument in arguments if argument)
