"""RTF: groups, control words, and bytes in the character set of their font."""

import re
from dataclasses import dataclass, replace

from app.tools.extraction.document import Document, damaged
from app.tools.extraction.field_formulas import shown_by
from app.tools.extraction.flow import Flow, Notes
from app.tools.extraction.symbols import symbol
from steps.http.charset_names import codec_named

_TOKEN = re.compile(
    r"\\([a-zA-Z]{1,32})(-?\d{1,10})? ?|\\'([0-9a-fA-F]{2})|\\([^a-zA-Z'])|([{}])"
    r"|([^\\{}\r\n]+)|[\r\n]+|\\'?"
)
_UNSEEN = frozenset({
    "fonttbl", "colortbl", "stylesheet", "info", "pict", "objdata", "fldinst", "listtable",
    "listoverridetable", "revtbl", "rsidtbl", "themedata", "colorschememapping", "datastore",
    "latentstyles", "generator", "xmlnstbl", "mmathPr", "template", "filetbl", "shprslt", "sp",
    "sn", "sv", "upr", "nonesttables", "nonshppict", "xe", "tc", "atnid", "atnauthor", "annotation",
    "panose", "falt", "userprops", "ftnsep", "ftnsepc", "ftncn", "aftnsep", "aftnsepc", "aftncn",
    "pgdsctbl", "txe", "rxe", "mvf", "mmathPict",
})  # fmt: skip
_APART = frozenset({
    "header", "headerl", "headerr", "headerf", "footer", "footerl", "footerr", "footerf",
    "footnote", "shptxt", "dptxbxtext",
})  # fmt: skip
_SEEN_THOUGH_STARRED = _APART | {
    "shpinst", "shppict", "do", "dptxbx", "nesttableprops", "moMath", "moMathPara",
}  # fmt: skip
_OF_AN_EQUATION = re.compile(r"m[a-zA-Z]+Pr")
"""Properties, whose words are no text."""
_NOTE = "footnote"
_WORDS_OF_A_SHAPE = "gtextUNICODE"
_LEFT_OUT = {"pict": "a picture", "annotation": "a comment", "objdata": "an embedded object"}
_CHARACTERS = {
    "emdash": "\u2014", "endash": "\u2013", "lquote": "\u2018", "rquote": "\u2019",
    "ldblquote": "\u201c", "rdblquote": "\u201d", "bullet": "\u2022", "emspace": "\u2003",
    "enspace": "\u2002", "qmspace": "\u2005", "tab": "\t",
}  # fmt: skip
_ESCAPED = {"~": "\u00a0", "_": "-", "{": "{", "}": "}", "\\": "\\"}
_CHARSETS = {
    77: "mac-roman", 128: "cp932", 129: "cp949", 130: "johab", 134: "gb18030", 136: "big5hkscs",
    161: "cp1253", 162: "cp1254", 163: "cp1258", 177: "cp1255", 178: "cp1256", 186: "cp1257",
    204: "cp1251", 222: "cp874", 238: "cp1250", 254: "cp437", 255: "cp850",
}  # fmt: skip
_OF_SYMBOLS = 2
_BOX, _LIST, _NOT_CHOSEN = 1, 2, 25
_DEEPEST = 10_000
_FIRST_HALVES = range(0xD800, 0xDC00)
"""The first half of a character that takes two `\\u`, each possibly in its own group."""


def read(content: bytes, document: Document) -> None:
    """Read the text, with headers, notes and text boxes; not what was deleted."""
    reader = _Reader(document, Flow(document))
    reader.read(content[content.find(b"{") :].decode("latin-1"))


@dataclass(frozen=True, slots=True)
class _State:
    """What holds within a group."""

    is_seen: bool = True
    is_deleted: bool = False
    destination: str = ""
    skipped: int = 1
    font: int = -1
    is_instruction: bool = False


class _Reader:
    def __init__(self, document: Document, flow: Flow) -> None:
        self._document = document
        self._flow = self._body = flow
        self._notes = Notes(document)
        self._state = _State()
        self._around: list[_State] = []
        self._default_codec = "cp1252"
        self._default_font = -1
        self._fonts: dict[int, str] = {}
        self._font_names: dict[int, str] = {}
        self._bytes = bytearray()
        self._units: list[int] = []
        self._to_skip = 0
        self._is_starred = False
        self._is_in_row = False
        self._property = ""
        self._instruction: list[str] = []
        self._form: dict[str, int] = {}
        self._choices: list[str] = []

    def read(self, source: str) -> None:
        """Read all of it. Raises `DocumentFailure` where it ends before its last group."""
        at = 0
        while at < len(source):
            found = _TOKEN.match(source, at)
            if found is None:
                break
            at = found.end()
            word, number, byte, escaped, brace, text = found.groups()
            if brace:
                self._brace(brace)
                if not self._around and brace == "}":
                    break
            elif word == "bin":
                at += max(0, int(number or 0))
            elif word:
                self._word(word, None if number is None else int(number))
            elif byte:
                self._byte(int(byte, 16))
            elif escaped:
                self._escaped(escaped)
            elif text:
                self._text(text)
        self._settle()
        self._body.end()
        self._notes.write()
        if self._around:
            raise damaged("it ends before its last group does")

    def _brace(self, brace: str) -> None:
        self._flush_bytes()
        if not (self._units and self._units[-1] in _FIRST_HALVES):
            self._flush_units()
        self._to_skip, self._is_starred = 0, False
        if brace == "{":
            if len(self._around) > _DEEPEST:
                raise damaged("its groups are nested too deep")
            self._around.append(self._state)
            self._state = replace(self._state, destination="")
        elif self._around:
            state, self._state = self._state, self._around.pop()
            if state.destination == _NOTE and self._flow is not self._body:
                self._flow.end()
                self._flow = self._body
            elif state.destination in _APART and state.is_seen:
                self._flow.block()
            if state.destination == "fldinst" and self._is_shown():
                self._flow.write(shown_by("".join(self._instruction)))
            if state.destination == "fldinst":
                self._instruction.clear()

    def _escaped(self, character: str) -> None:
        if character == "*":
            self._is_starred = True
        elif character in "\r\n":
            self._word("par", None)
        elif character in _ESCAPED:
            self._write(_ESCAPED[character])

    def _word(self, word: str, number: int | None) -> None:
        is_starred, self._is_starred = self._is_starred, False
        if word == "u" and number is not None:
            self._unit(number)
            return
        if word == "uc":
            self._state = replace(self._state, skipped=max(0, number or 0))
            return
        if self._to_skip:
            self._to_skip -= 1
            return
        self._settle()
        if word == "ud" and self._state.destination == "" and len(self._around) > 1:
            # What stands beside it is the same text without its other letters.
            self._state = replace(self._state, is_seen=self._around[-2].is_seen)
        elif word == "sv" and self._property == _WORDS_OF_A_SHAPE:
            self._state = replace(self._state, is_seen=True, destination="shptxt")
            self._flow.block()
        elif self._is_unseen(word, is_starred=is_starred):
            if word in _LEFT_OUT and self._state.is_seen:
                self._document.leave_out(_LEFT_OUT[word])
            is_field = word == "fldinst" and self._state.is_seen
            self._state = replace(
                self._state, is_seen=False, destination=word, is_instruction=is_field
            )
        elif word in _APART:
            self._state = replace(self._state, destination=word)
            if self._state.is_seen and word == _NOTE:
                self._flow = Flow(self._notes)
            elif self._state.is_seen:
                self._flow.block()
        elif not self._sets(word, number) and self._is_shown():
            self._show(word)

    def _of_form(self) -> str:
        """Return what is seen of a box or a list of a form, whose state is no text."""
        form, self._form = self._form, {}
        kind, state = form.get("fftype", 0), form.get("ffres", _NOT_CHOSEN)
        picked = form.get("ffdefres", 0) if state == _NOT_CHOSEN else state
        if kind == _BOX:
            return "\u2611" if picked else "\u2610"
        is_choice = kind == _LIST and 0 <= picked < len(self._choices)
        return self._choices[picked] if is_choice else ""

    def _is_unseen(self, word: str, *, is_starred: bool) -> bool:
        is_property = _OF_AN_EQUATION.fullmatch(word) is not None
        return word in _UNSEEN or is_property or (is_starred and word not in _SEEN_THOUGH_STARRED)

    def _sets(self, word: str, number: int | None) -> bool:
        """Take a word that changes the state; say whether it is one."""
        value = 1 if number is None else number
        match word:
            case "ansicpg" | "mac" | "pc" | "pca":
                names = {"mac": "mac-roman", "pc": "cp437", "pca": "cp850"}
                self._default_codec = codec_named(names.get(word, f"cp{value}")) or "cp1252"
            case "deff":
                self._default_font = value
            case "f":
                self._state = replace(self._state, font=value)
            case "plain":
                self._state = replace(self._state, font=self._default_font, is_deleted=False)
            case "fcharset" if self._in_fonts():
                known = "symbols" if value == _OF_SYMBOLS else _CHARSETS.get(value, "")
                self._fonts[self._state.font] = known
            case "cpg" if self._in_fonts():
                self._fonts[self._state.font] = codec_named(f"cp{value}") or ""
            case "deleted":
                self._state = replace(self._state, is_deleted=value != 0)
            case "listtext" | "pntext":
                self._state = replace(self._state, destination=word)
            case "fftype":
                self._form, self._choices = {word: number or 0}, []
            case "ffres" | "ffdefres":
                self._form[word] = number or 0
            case _:
                return False
        return True

    def _show(self, word: str) -> None:
        flow = self._flow
        match word:
            case _ if word in _CHARACTERS:
                self._write(_CHARACTERS[word])
            case _ if self._state.is_instruction:
                pass
            case "par" | "line" | "sect" | "page" | "column":
                if self._is_in_row or word != "par":
                    flow.block()
                else:
                    flow.paragraph_end()
            case "trowd" if not self._is_in_row:
                flow.begin_row()
                flow.begin_cell()
                self._is_in_row = True
            case "cell" if self._is_in_row:
                flow.begin_cell()
            case "nestcell":
                flow.write("\t")
            case "row":
                self._is_in_row = False
                flow.end()
            case "nestrow":
                flow.block()
            case "fldrslt":
                flow.write(self._of_form())

    def _unit(self, number: int) -> None:
        self._flush_bytes()
        if self._is_shown():
            self._units.append(number & 0xFFFF)
        self._to_skip = self._state.skipped

    def _byte(self, byte: int) -> None:
        if self._to_skip:
            self._to_skip -= 1
        elif self._is_shown():
            self._flush_units()
            self._bytes.append(byte)

    def _text(self, text: str) -> None:
        if self._state.destination == "falt":
            pass  # the font that takes the place of one that is missing
        elif self._in_fonts():
            names = self._font_names
            names[self._state.font] = names.get(self._state.font, "") + text.rstrip(";")
        elif self._state.destination == "sn":
            self._property = text
        elif self._state.destination == "ffl":
            self._choices.append(text)
        skipped = min(self._to_skip, len(text))
        self._to_skip -= skipped
        text = text[skipped:]
        if text and self._is_shown():
            self._flush_units()
            self._bytes += text.encode("latin-1")

    def _write(self, text: str) -> None:
        if self._to_skip:
            self._to_skip -= 1
            return
        self._settle()
        if self._is_shown():
            self._put(text)

    def _put(self, text: str) -> None:
        if self._state.is_instruction:
            self._instruction.append(text)
        else:
            self._flow.write(text)

    def _is_shown(self) -> bool:
        is_wanted = self._state.is_seen or self._state.is_instruction
        return is_wanted and not self._state.is_deleted

    def _in_fonts(self) -> bool:
        around = (state.destination for state in self._around[-2:])
        return "fonttbl" in (self._state.destination, *around)

    def _settle(self) -> None:
        self._flush_units()
        self._flush_bytes()

    def _flush_units(self) -> None:
        if not self._units:
            return
        packed = b"".join(unit.to_bytes(2, "little") for unit in self._units)
        self._units.clear()
        text = packed.decode("utf-16-le", "replace")
        name = self._font_names.get(self._state.font, "")
        if any("\ue000" <= character < "\uf900" for character in text):
            text = "".join(self._drawn(name, ord(character)) for character in text)
        self._put(text)

    def _flush_bytes(self) -> None:
        if not self._bytes:
            return
        codec = self._fonts.get(self._state.font, "") or self._default_codec
        name = self._font_names.get(self._state.font, "")
        if codec == "symbols":
            text = "".join(self._drawn(name, 0xF000 + byte) for byte in self._bytes)
        else:
            text = self._bytes.decode(codec, "replace")
        self._bytes.clear()
        self._put(text)

    def _drawn(self, font: str, code: int) -> str:
        found = symbol(font, code)
        if found is None and self._in_mark_of_list():
            return "\u2022"
        if found is None:
            self._document.leave_out(f"a symbol of the font {font.strip()[:50] or 'unknown'}")
        return found or "\ufffd"

    def _in_mark_of_list(self) -> bool:
        around = (state.destination for state in self._around[-2:])
        return not {"listtext", "pntext"}.isdisjoint((self._state.destination, *around))
