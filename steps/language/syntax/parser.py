"""Parses tokens into nodes: the grammar of MiniJinja's expressions, with its precedence.

Source: https://docs.rs/minijinja/latest/minijinja/syntax/index.html
"""

import ast

from steps.language.syntax.nodes import (
    Arguments,
    Attribute,
    Binary,
    Call,
    Choice,
    Compare,
    Filter,
    Literal,
    Mapping,
    Name,
    Node,
    Sequence,
    Slice,
    Test,
    Unary,
)
from steps.language.syntax.tokens import Token, Unreadable, tokens_of

_DEEPEST = 60
_OR, _NOT, _COMPARE = 1, 3, 4
_LEVELS = {
    "or": _OR, "and": 2,
    **dict.fromkeys(("==", "!=", "<", "<=", ">", ">=", "in", "not"), _COMPARE),
    "+": 5, "-": 5, "~": 6, "*": 7, "/": 7, "//": 7, "%": 7, "**": 8,
}  # fmt: skip
"""Binary operators, from the loosest to the tightest; all are left-associative."""
_WORDS = {"true": True, "True": True, "false": False, "False": False, "none": None, "None": None}
_NO_ARGUMENT = frozenset({"and", "or", "else", "is", "if", "in", "not"})
"""Words after `is name` that do not begin the argument of a test."""


def parse(source: str) -> Node:
    """Return the tree of an expression. Raises `Unreadable`."""
    parser = _Parser(tokens_of(source))
    node = parser.expression()
    parser.expect_end()
    return node


class _Parser:
    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._at = 0
        self._depth = 0

    def expect_end(self) -> None:
        if self._token.kind != "end":
            raise self._unexpected()

    def expression(self, *, choice: bool = True) -> Node:
        """Parse one expression; its depth is bounded, because all later stages are recursive."""
        self._depth += 1
        if self._depth > _DEEPEST:
            raise Unreadable(f"it is nested deeper than {_DEEPEST} levels")
        node = self._binary(_OR)
        while choice and self._skip_word("if"):
            condition = self._binary(_OR)
            otherwise = self.expression() if self._skip_word("else") else None
            node = Choice(condition, node, otherwise)
        self._depth -= 1
        return node

    def _binary(self, loosest: int) -> Node:
        """Parse operands joined by operators that bind at least as tightly as `loosest`."""
        node = self._negation() if loosest <= _NOT and self._is_word("not") else self._operand()
        while (level := self._level()) >= loosest:
            if level == _COMPARE:
                node = self._comparison(node)
            else:
                node = Binary(self._next().text, node, self._binary(level + 1))
        return node

    def _negation(self) -> Node:
        count = 0
        while self._skip_word("not"):
            count += 1
        node = self._binary(_COMPARE)
        for _ in range(count):
            node = Unary("not", node)
        return node

    def _level(self) -> int:
        """Return the precedence of the next operator; 0 if there is none."""
        token = self._token
        return _LEVELS.get(token.text, 0) if token.kind in ("sign", "word") else 0

    def _comparison(self, first: Node) -> Node:
        rest = []
        while self._level() == _COMPARE:
            operator = self._next().text
            if operator == "not":
                if not self._skip_word("in"):
                    raise self._unexpected("`in`")
                operator = "not in"
            rest.append((operator, self._binary(_COMPARE + 1)))
        return Compare(first, tuple(rest))

    def _operand(self) -> Node:
        """Parse an operand with its suffixes: `-x.y | f is g` is `((-(x.y)) | f) is g`."""
        node = self._signed()
        while True:
            if self._skip("|"):
                name = self._word()
                node = Filter(node, name, self._arguments() if self._is("(") else Arguments())
            elif self._skip_word("is"):
                negated = self._skip_word("not")
                node = Test(node, self._word(), self._test_arguments(), negated)
            else:
                return node

    def _signed(self) -> Node:
        count = 0
        while self._skip("-"):
            count += 1
        node = self._with_parts(self._primary())
        for _ in range(count):
            node = Unary("-", node)
        return node

    def _with_parts(self, node: Node) -> Node:
        while self._token.kind == "sign":
            if self._skip("."):
                node = self._attribute(node)
            elif self._is("("):
                node = Call(node, self._arguments())
            elif self._skip("["):
                node = self._subscript(node)
            else:
                break
        return node

    def _attribute(self, node: Node) -> Node:
        token = self._next()
        if token.kind == "word":
            return Attribute(node, Literal(repr(token.text), token.text), bracketed=False)
        if token.kind == "integer" and token.text.isdigit():
            return Attribute(node, Literal(token.text, int(token.text)), bracketed=True)
        if token.kind == "float" and token.text.replace(".", "").isdigit():  # `list.0.1`
            for part in token.text.split("."):
                node = Attribute(node, Literal(part, int(part)), bracketed=True)
            return node
        raise Unreadable(f"a name must follow the dot at character {token.at}")

    def _subscript(self, node: Node) -> Node:
        bounds: list[Node | None] = [None]
        if not self._is(":"):
            bounds[0] = self.expression()
        while len(bounds) < 3 and self._skip(":"):  # noqa: PLR2004 - start, stop, step
            bounds.append(None if self._is("]") or self._is(":") else self.expression())
        self._expect("]")
        if len(bounds) > 1:
            start, stop, step = [*bounds, None][:3]
            return Slice(node, start, stop, step)
        if bounds[0] is None:
            raise self._unexpected()
        return Attribute(node, bounds[0], bracketed=True)

    def _arguments(self) -> Arguments:
        self._expect("(")
        positional: list[Node] = []
        named: list[tuple[str, Node]] = []
        while not self._skip(")"):
            if positional or named:
                self._expect(",", ")")
                if self._skip(")"):
                    break
            star = "**" if self._skip("**") else "*" if self._skip("*") else ""
            name, following = self._token, self._tokens[min(self._at + 1, len(self._tokens) - 1)]
            if name.kind == "word" and (following.kind, following.text) == ("sign", "="):
                self._at += 2
                named.append((name.text, self.expression(choice=False)))
            elif named:
                raise Unreadable(f"an argument without a name follows one with at {name.at + 1}")
            else:
                value = self.expression()
                positional.append(Unary(star, value) if star else value)
        return Arguments(tuple(positional), tuple(named))

    def _test_arguments(self) -> Arguments:
        if self._is("("):
            return self._arguments()
        token = self._token
        begins = token.kind in ("text", "integer", "float") or (
            token.kind == "word" and token.text not in _NO_ARGUMENT
        )
        if begins or any(self._is(sign) for sign in "-[{"):
            return Arguments((self._signed(),))
        return Arguments()

    def _primary(self) -> Node:
        token = self._next()
        match token.kind, token.text:
            case "word", word if word in _WORDS:
                return Literal(word, _WORDS[word])
            case "word", word:
                return Name(word)
            case "integer", text:
                digits = text.replace("_", "")
                return Literal(text, int(digits, 10 if digits.isdigit() else 0))
            case "float", text:
                return Literal(text, float(text.replace("_", "")))
            case "text", text:
                while self._token.kind == "text":
                    text += f" {self._next().text}"
                return Literal(text, _text(text))
            case "sign", "(":
                return self._parenthesised()
            case "sign", "[":
                return Sequence(self._listed("]"), "[")
            case "sign", "{":
                return self._mapping()
        self._at -= 1
        raise self._unexpected()

    def _parenthesised(self) -> Node:
        if self._skip(")"):
            return Sequence((), "(")
        node = self.expression()
        if self._skip(")"):
            return node
        self._expect(",", ")")
        return Sequence((node, *self._listed(")")), "(")

    def _listed(self, closing: str) -> tuple[Node, ...]:
        items: list[Node] = []
        while not self._skip(closing):
            items.append(self.expression())
            if not self._is(closing):
                self._expect(",", closing)
        return tuple(items)

    def _mapping(self) -> Node:
        items: list[tuple[Node, Node]] = []
        keys: set[object] = set()
        while not self._skip("}"):
            key = self.expression()
            self._expect(":")
            if isinstance(key, Literal):
                if key.value in keys:
                    raise Unreadable(f"the key {key.value!r} stands twice in an object")
                keys.add(key.value)
            items.append((key, self.expression()))
            if not self._is("}"):
                self._expect(",", "}")
        return Mapping(tuple(items))

    # -- tokens

    @property
    def _token(self) -> Token:
        return self._tokens[self._at]

    def _next(self) -> Token:
        token = self._token
        self._at += token.kind != "end"
        return token

    def _word(self) -> str:
        if self._token.kind != "word":
            raise self._unexpected("a name")
        return self._next().text

    def _is(self, sign: str) -> bool:
        token = self._tokens[self._at]
        return token.text == sign and token.kind == "sign"

    def _is_word(self, word: str) -> bool:
        token = self._tokens[self._at]
        return token.text == word and token.kind == "word"

    def _skip(self, sign: str) -> bool:
        token = self._tokens[self._at]
        found = token.text == sign and token.kind == "sign"
        self._at += found
        return found

    def _skip_word(self, word: str) -> bool:
        token = self._tokens[self._at]
        found = token.text == word and token.kind == "word"
        self._at += found
        return found

    def _expect(self, *signs: str) -> None:
        """Take the first sign; the others might stand in its place."""
        if not self._skip(signs[0]):
            raise self._unexpected(" or ".join(f"`{sign}`" for sign in reversed(signs)))

    def _unexpected(self, wanted: str = "") -> Unreadable:
        token = self._token
        what = f"unexpected `{token.text}` at character {token.at + 1}" if token.text else "it ends"
        return Unreadable(f"{what}, where {wanted} should stand" if wanted else
                          f"{what} where a value should stand")  # fmt: skip


def _text(source: str) -> str:
    """Return the content of quoted texts; unknown escapes are kept as written."""
    try:
        value = ast.literal_eval(f"({source})") if "\n" not in source else source
    except (SyntaxError, ValueError):
        return source
    return str(value)
