"""Which character set a text that names none is in: the one in which its letters make words."""

import unicodedata
from collections import Counter
from collections.abc import Mapping
from functools import lru_cache

_SAMPLE_BYTES = 16_384
_FEW_BYTES = 4
"""With fewer bytes beyond ASCII nothing can be told."""

_WESTERN = "cp1252"
# Earlier ones win where two are equally likely.
_CANDIDATES = {
    _WESTERN: "LATIN",
    "cp932": "CJK",
    "gb18030": "CJK",
    "euc_jp": "CJK",
    "cp949": "HANGUL",
    "big5": "CJK",
    "cp1251": "CYRILLIC",
    "koi8_r": "CYRILLIC",
    "cp866": "CYRILLIC",
    "iso8859_5": "CYRILLIC",
    "cp1250": "LATIN",
    "iso8859_2": "LATIN",
    "cp1254": "LATIN",
    "cp1257": "LATIN",
    "cp874": "THAI",
    "cp1253": "GREEK",
    "cp1255": "HEBREW",
    "cp1256": "ARABIC",
    "cp850": "LATIN",
}
_FREQUENT = {
    "CYRILLIC": "оеаинтсрвлкмдпуя",
    "GREEK": "αοιετνσηρπκμςάέίό",
    "HEBREW": "יוהלאתרבשמנ",
    "ARABIC": "اليمونترهبدعس",
    "HANGUL": (
        "이가나다는을의에서로고하지사시대한기리인도어아자부정수일은그주회금계합월년번호전화"
        "름원서울동길"
    ),
    "CJK": (
        "的一是不了在人有我他这中大来上国年日月名号第元价品地市电时生学前和者本会長部社金"
        "請求書合計消費税様円数量单单位总我們這來國時會長額電話訂單號碼公司姓数您好很谢请订货天今北京海王李张陈林小城编备注"
    ),
    "THAI": "านรอกเงมยลวดทสต่ปี้ัะิไแคหขนชพบจใ",
}
_ALPHABETS = (
    "äöüß",
    "éèêëàâçîïôùûüœæ",
    "áéíóúñü",
    "àèéìíòóù",
    "ãõáéíóúâêôçà",
    "åäöé",
    "åæøéö",
    "áðéíóúýþæö",
    "éèëïöóüáê",
    "áčďéěíňóřšťúůýž",
    "áäčďéíĺľňóôŕšťúýž",
    "ąćęłńóśźż",
    "áéíóöőúüű",
    "ăâîșțşţ",
    "čšžćđ",
    "çğıöşüâîİ",
    "ąčęėįšųūž",
    "āčēģīķļņšūž",
    "äöüõšž",
    "àçèéíïòóúü",
)
"""The letters of languages beyond ASCII: those of a text are mostly in one of them."""
_WESTERN_LETTERS = frozenset("äöüßéèêëàâáãåæçñóòôõøíìîïúùûœ")
_TYPOGRAPHIC = frozenset("\u2018\u2019\u201a\u201c\u201d\u201e\u2013\u2014\u2026\u2022€£§°©®«»")
_FINAL, _NOT_FINAL = frozenset("ךםןףץ"), frozenset("כמנפצ")
_WIDE = ("CJK", "HANGUL")
_HALF = "HALF"
_BY_NAME = (
    ("HALFWIDTH KATAKANA", _HALF), ("CJK UNIFIED", "CJK"), ("HIRAGANA", "KANA"),
    ("KATAKANA", "KANA"),
)  # fmt: skip
_OF_THE_WEST = ("cp1252", "cp850")
_LETTERS = frozenset({*_CANDIDATES.values(), "KANA"})
_WITHIN_WORDS = "\u2019\u00b7\u00ad"
_ASCII, _LAST_ASCII = 0x7F, "\x7f"

_USUAL, _PLAIN, _SELDOM, _RARE, _NOTHING = 1.1, 0.6, 0.5, 0.25, 0.1
_CONTROL, _STRANGE, _RUN, _SHOUTED = -3.0, -1.0, -0.8, -0.1
_LEAST, _BETTER = 0.5, 0.03
_DOUBTS = {
    "cp1250": 0.02, "iso8859_2": 0.03, "cp1254": 0.02, "cp1257": 0.04, "cp850": 0.25, "cp866": 0.25,
    "iso8859_5": 0.2, "cp874": 0.2,
}  # fmt: skip
"""By how much codecs that are like others must be likelier than they."""


def likely_charset(content: bytes) -> str:
    """Return the codec in which a text is most likely written, windows-1252 if none is likelier."""
    sample = content[:_SAMPLE_BYTES]
    if len(sample) < len(content):  # no character is cut
        sample = sample[: sample.rfind(b"\n") + 1] or sample
    high = sum(byte > _ASCII for byte in sample)
    if high < _FEW_BYTES:
        return _WESTERN
    best, most = _WESTERN, max(_LEAST, _score(sample, _WESTERN, "LATIN") / high + _BETTER)
    for codec, script in _CANDIDATES.items():
        score = _score(sample, codec, script) / high - _DOUBTS.get(codec, 0.0)
        if score > most:
            best, most = codec, score
    return best


def _score(sample: bytes, codec: str, script: str) -> float:
    """Return how much of the bytes beyond ASCII makes words of the script, in bytes."""
    try:
        text = sample.decode(codec)
    except UnicodeDecodeError:
        return -len(sample)
    length = 2 if script in _WIDE else 1
    score, before, is_upper = 0.0, "", False
    is_latin = script == "LATIN"
    usual = _alphabet(text, codec) if is_latin else dict.fromkeys(_FREQUENT[script], 1.0)
    kinds = [_kind(character) for character in text]
    for at, (character, kind) in enumerate(zip(text, kinds, strict=True)):
        if character > _LAST_ASCII:
            after = kinds[at + 1] if at + 1 < len(kinds) else ""
            beside = {before, after}
            if length > 1:
                found = _wide_value(character, kind, script, beside)
            else:
                found = _value(character, kind, script, beside, usual)
            if script == "HEBREW":
                found += _at_end(character, after)
            if kind == script == before:
                found += _in_word(character, text[at - 1], script, is_upper=is_upper)
            score += found * (1 if kind == _HALF else length)
        before, is_upper = kind, character.isupper()
    return score


def _in_word(character: str, last: str, script: str, *, is_upper: bool) -> float:
    """Return what the character before it takes from the value of a letter."""
    run = _RUN if script == "LATIN" and last > _LAST_ASCII else 0.0
    if character.isupper():
        run += _SHOUTED if is_upper else _STRANGE  # capitals begin words, or make them up
    return run


def _wide_value(character: str, kind: str, script: str, beside: set[str]) -> float:
    match kind:
        case "CONTROL":
            return _CONTROL
        case "SIGN":
            return _RARE
        case "HANGUL" | "KANA" if kind == script or (kind == "KANA" and script == "CJK"):
            return 1.0 if kind == "KANA" or character in _FREQUENT[script] else _SELDOM
        case "CJK":
            return (_USUAL if character in _FREQUENT["CJK"] else _SELDOM) - (
                _SELDOM if "LATIN" in beside else 0
            )
    return _STRANGE


def _alphabet(text: str, codec: str) -> dict[str, float]:
    """Return what letters are worth: most beyond ASCII are of one language."""
    found = Counter(letter for letter in text if letter > _LAST_ASCII)
    best = max(
        _ALPHABETS, key=lambda letters: sum(found[letter] for letter in letters + letters.upper())
    )
    others = _WESTERN_LETTERS if codec in _OF_THE_WEST else ""
    return dict.fromkeys(others, _PLAIN) | dict.fromkeys(best, 1.0)


def _at_end(character: str, after: str) -> float:
    """Return what a letter of Hebrew gains or loses by its form at the end of a word."""
    is_end = after != "HEBREW"
    if character in _FINAL:
        return _USUAL if is_end else _STRANGE
    return _STRANGE if is_end and character in _NOT_FINAL else 0.0


def _value(
    character: str, kind: str, script: str, beside: set[str], usual: Mapping[str, float]
) -> float:
    if kind == "CONTROL":
        return _CONTROL
    others = beside - {"", "SIGN", "SPACE", script}
    if kind == "SIGN":
        if character in _WITHIN_WORDS:
            return _SELDOM
        if character in _TYPOGRAPHIC and beside & _LETTERS != beside:
            return 1.0
        return _STRANGE if len(beside) == 1 and beside & _LETTERS else _NOTHING
    if kind != script or others:
        return _STRANGE
    letter = character if character in usual else character.lower()
    return usual.get(letter, _STRANGE if script == "LATIN" else _PLAIN)


@lru_cache(8_192)
def _kind(character: str) -> str:
    """Return the script of a letter, or what else a character is."""
    if character in " \t\r\n,;|":
        return "SPACE"
    category = unicodedata.category(character)
    if category in ("Cc", "Cn", "Co", "Cs"):
        return "CONTROL"
    if not category.startswith(("L", "M")):
        return "SIGN"
    name = unicodedata.name(character, "")
    return next(
        (kind for start, kind in _BY_NAME if name.startswith(start)), name.partition(" ")[0]
    )
