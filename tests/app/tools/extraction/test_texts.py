"""HTML, RTF, mail and plain text are read as people see them, without markup."""

import subprocess
import sys

import pytest

from tests.app.tools.extraction.reading import failure_of, read, text_of


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("<title>T</title><body><h1>Invoice</h1><p>Total 99", "Invoice\nTotal 99"),
        ("<html><head><style>p{}</style><title>T</title><body><p>after", "after"),
        ("<body><table><tr><th>Item<th>Price<tr><td>Bolt<td>12</table>", "Item\tPrice\nBolt\t12"),
        ("<body><table><tr><td><p>a</p><td><p>b</p></table>end", "a\tb\nend"),
        ("<body><table><tr><td>a<td><td>c</table>", "a\t\tc"),
        ("<body><pre>Name  Qty\nBolt   12</pre>", "Name  Qty\nBolt   12"),
        ("<body><ul><li>one<li>two<ul><li>deep</ul></ul><dl><dt>t<dd>m", "one\ntwo\ndeep\nt\nm"),
        ("<body>a<script>x<b></b></script>b<template>x</template>c", "abc"),
        ("<body>5 &lt; 6 &amp;&eacute;&#8364; &copy", "5 < 6 &é€ ©"),
        ("<body>a\n  b<br>c<p>d</body>", "a b\nc\nd"),
        ("<body>Name <input value=Ada><input type=hidden value=x>", "Name Ada"),
        ("<body><ruby>K<rp>(</rp><rt>kyo</rt><rp>)</rp></ruby>", "K(kyo)"),
        ("<body><b>x <i>y</b> z</i>", "x y z"),
        ("<body><ruby>K<rp>(<rt>kyo<rp>)</ruby> and on", "K(kyo) and on"),
        ("<pre>\n  a\tb\n c</pre>", "  a\tb\n c"),
        ("<?xml version='1.0'?><html><title/><script src='a'/><body>a", "a"),
        ("<html xmlns='x'><title/><style type='b'/><body>a", "a"),
        ("<div>a<object data=x>in place<p>b", "ain place\nb"),
        ("<body>a<!-->b<!--->c<!-- x --!>d<!-- -- > -->e", "abcde"),
        ("<body>a<script>x</script foo>b<script><!-- <script></script>--></script>c", "abc"),
        ("<body><textarea>\n<b>1 &lt; 2</b></textarea><xmp><i></xmp>", "<b>1 < 2</b>\n<i>"),
        (
            "<body>a<template><template>x</template>y</template>b<datalist><option>z</datalist>",
            "ab",
        ),
        ("<?xml version='1.0'?><html><body>a<![CDATA[ < b]]></body></html>", "a < b"),
        ("<body>a<svg><title>t</title><desc>d</desc><style/><text>seen</text></svg>", "aseen"),
        ("<body><table><tr><td rowspan=2>a<td>b<tr><td>c<tr><td>d<td>e</table>", "a\tb\n\tc\nd\te"),
        ("<body><table><tr><td colspan=2>a<td>b<tr><td>c<td>d<td>e</table>", "a\t\tb\nc\td\te"),
        (
            "<math><mfrac><mi>a</mi><mi>b</mi></mfrac><msqrt>c</msqrt><annotation>d</annotation></math>d",
            "a/b\u221acd",
        ),
        ("<body>From <input value=Ada><input value=Bob> on", "From Ada Bob on"),
        ("<body>x < 3 <p title='a>b>c</p><p>d", "x < 3 <p title='a>b>c\nd"),
    ],
)
def test_a_page_gives_its_visible_text(page: str, text: str) -> None:
    assert text_of("a.html", page) == text


@pytest.mark.parametrize(
    ("charset", "words"),
    [
        ("windows-1251", "Счёт 7"),
        ("Shift_JIS", "請求書 合計"),
        ("sjis", "① 髙"),  # cp932, the larger set of Windows
        ("iso-8859-2", "łódź"),
        ("gb2312", "发票 合计"),
        ("euc-kr", "송장 합계"),
        ("big5", "發票 合計"),
        ("koi8-r", "Счёт"),
        ("iso-8859-15", "99 €"),
        ("x-sjis", "請求書"),
        ("x-cp1251", "Счёт"),
        ("koi8-u", "Їжак"),
        ("windows-874", "ใบแจ้ง"),
    ],
)
def test_a_page_is_decoded_in_the_charset_it_declares(charset: str, words: str) -> None:
    codec = {"x-sjis": "shift_jis", "sjis": "cp932", "windows-874": "cp874"}.get(charset, charset)
    codec = codec.removeprefix("x-")
    for meta in (f"<meta charset={charset}>", f"<meta content='text/html; charset={charset}'>"):
        assert text_of("a.html", f"<html><head>{meta}<body>{words}".encode(codec)) == words
    xml = f"<?xml version='1.0' encoding='{charset}'?><n>{words}</n>".encode(codec)
    assert words in text_of("a.xml", xml)


@pytest.mark.parametrize(
    "before",
    [
        "<!-- <meta charset=koi8-r> -->",
        "<script>'<meta charset=koi8-r>'</script>",
        "<meta name=description content='of charset=koi8-r'>",
        "<meta name=x content='a > b'>",
    ],
)
def test_only_a_declaration_of_the_page_itself_counts(before: str) -> None:
    assert text_of("a.html", f"{before}<meta charset=cp1251><p>Счёт".encode("cp1251")) == "Счёт"


def test_a_process_that_reads_a_document_loads_neither_pydantic_nor_asyncio() -> None:
    asked = "import sys, app.tools.extraction.__main__; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", asked], check=True, capture_output=True, text=True
    )
    names = set(loaded.stdout.split())
    assert "steps.http.charset_names" in names
    assert not names & {"asyncio", "engine", "pydantic", "steps.stable"}


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be", "utf-16"])
@pytest.mark.parametrize(("name", "text"), [("a.txt", "Größe\n7"), ("upload", "<html><p>Größe\n7")])
def test_utf_16_is_recognized_without_a_byte_order_mark(name: str, text: str, codec: str) -> None:
    assert text_of(name, text.encode(codec)).split() == ["Größe", "7"]


@pytest.mark.parametrize("name", ["book.xls", "letter.doc", "upload"])
def test_html_with_another_file_name_is_recognized(name: str) -> None:
    assert text_of(name, "<table><tr><td>a<td>b</table>") == "a\tb"


@pytest.mark.parametrize("charset", ["undefined", "idna", "base64", "rot13", "no-such"])
def test_an_unknown_charset_is_ignored(charset: str) -> None:
    page = f"<html><meta charset={charset}><body>Größe".encode()
    found = read("a.html", page)
    assert (found["text"], found["encoding"]) == ("Größe", "utf-8")


RICH = [
    (rb"{\rtf1\ansi{\fonttbl{\f0 Arial;}}\f0 Invoice 7\par Total 99\par}", "Invoice 7\nTotal 99"),
    (rb"{\rtf1\ansi\ansicpg1252\uc1 M\'fcller 99 \u8364? \u1057?}", "Müller 99 € \u0421"),
    (rb"{\rtf1\ansi\ansicpg1251 \'d1\'f7\'b8\'f2}", "Счёт"),
    (rb"{\rtf1\ansi{\fonttbl{\f1\fcharset238 X;}}M\'fc \f1\'b3\'f3d\'9f}", "Mü łódź"),
    (rb"{\rtf1\ansi\ansicpg932 \'90\'bf\'8b\'81\'8f\'91}", "請求書"),
    (rb"{\rtf1\ansi\ansicpg932 \'83A}", "ア"),
    (rb"{\rtf1 a{\uc0\u-10179}{\uc0\u-8704}z}", "a😀z"),
    (rb"{\rtf1\uc2 A\u8364\'a2\'e3B}", "A€B"),
    (rb"{\rtf1 \trowd\cellx9 a\cell b\cell\row\trowd c\cell d\cell\row\pard after}", "a\tb\nc\td\nafter"),
    (rb'{\rtf1 see {\field{\*\fldinst HYPERLINK "x"}{\fldrslt this}} now}', "see this now"),
    (rb"{\rtf1 Price {\deleted 100 }{\revised 900}}", "Price 900"),
    (rb"{\rtf1 Price{\footnote plus tax} 99}", "Price 99\nplus tax"),
    (rb"{\rtf1 {\mmath{\*\moMath{\mr E=mc}}{\mmathPict{\pict 00}}}}", "E=mc"),
    (rb"{\rtf1 a {\shp{\*\shpinst{\shptxt boxed\par}}} z}", "a\nboxed\n z"),
    (rb"{\rtf1 a\emdash b\ldblquote q\rdblquote\tab c\line d\_e\{\}\\}", "a\u2014b\u201cq\u201d\tc\nd-e{}\\"),
    (b"{\\rtf1 a{\\object\\objdata\\bin5 }}{{\\}b}", "ab"),
    (rb"{\rtf1 {\upr{?}{\*\ud{\u321?}}}z}", "\u0141z"),
    (rb"{\rtf1 a{\nonshppict{\pict 00}}b}", "ab"),
    (rb"{\rtf1{\info{\title T}}{\*\generator X;}{\*\unknown y}body}", "body"),
    (rb"{\rtf1 a{\mmath{\*\moMath{\md{\mdPr{\mbegChr [}}{\mr E=m}}}}}", "aE=m"),
    (rb"{\rtf1 a{\mvf gone}{\mvt here}}", "ahere"),
    (rb"{\rtf1 {\*\fldinst{\*\formfield{\fftype1\ffres25\ffdefres1}}}{\fldrslt}yes}", "\u2611yes"),
    (
        rb"{\rtf1{\*\fldinst{\*\formfield{\fftype2\ffres1{\*\ffl AT}{\*\ffl CL}}}}{\fldrslt}}",
        "CL",
    ),
    (b"\xef\xbb\xbf\r\n{\\rtf1 a}\0\0", "a"),
]  # fmt: skip


@pytest.mark.parametrize(("source", "text"), RICH)
@pytest.mark.parametrize("name", ["a.rtf", "a.txt", "upload"])
def test_rich_text_gives_its_text(name: str, source: bytes, text: str) -> None:
    assert read(name, source)["text"] == text


def test_truncated_rich_text_is_damaged() -> None:
    assert failure_of("a.rtf", rb"{\rtf1 a\par b")[0] == "DocumentUnreadable"


def mail(headers: str, body: str, charset: str = "utf-8") -> bytes:
    head = f"From: a@example.com\nSubject: Hi\nMIME-Version: 1.0\n{headers}\n\n"
    return (head + body).replace("\n", "\r\n").encode(charset)


FLOWED = "one line\n--\n> a b"
NESTED = "Content-Type: message/rfc822"
PLAIN, PAGE = "Content-Type: text/plain\n\n", "Content-Type: text/html\n\n"


def parted(kind: str, *parts: str) -> bytes:
    body = "".join(f"--B\n{part}\n" for part in parts)
    return mail(f"Content-Type: multipart/{kind}; boundary=B", f"{body}--B--\n")


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (mail("Content-Transfer-Encoding: base64", "VG90YWwgOTkgRVVS"), "Total 99 EUR"),
        (
            mail(
                "Content-Type: text/plain; charset=iso-8859-1\n"
                "Content-Transfer-Encoding: quoted-printable",
                "Stra=DFe 5=\n und mehr",
            ),
            "Straße 5 und mehr",
        ),
        (mail("Content-Type: text/html; charset=cp1251", "<p>Счёт<p>7", "cp1251"), "Счёт\n7"),
        (parted("alternative", PLAIN + "short", PAGE + "<p>long</p>"), "long"),
        (parted("alternative", PLAIN + "short", PAGE), "short"),
        (parted("mixed", PLAIN + "one", PAGE + "two"), "one\ntwo"),
        (
            parted("mixed", PLAIN + "out", "Content-Type: message/rfc822\n\nFrom: b@x\n\ninner"),
            "out\nFrom: b@x\n\ninner",
        ),
        (mail("Content-Type: text/plain; charset=no-such", "any"), "any"),
        (mail("Content-Type: text/plain; charset='koi8-r'", "Счёт", "koi8-r"), "Счёт"),
        (mail("Content-Type: text/plain; charset=utf-7", "Gr+APwA3w-e"), "Grüße"),
        (mail("Content-Type: text/plain; format=flowed", "one \nline\n-- \n> a \n> b"), FLOWED),
        (parted("alternative", PLAIN + "short", PAGE + "<html><p>&nbsp;</html>"), "short"),
        (parted("mixed", PLAIN + "one", "Content-Type: text/markdown\n\n# two"), "one\n# two"),
        (mail("Content-Type: multipart/mixed", "no boundary"), "no boundary"),
        (
            parted("mixed", f"{NESTED}\nContent-Transfer-Encoding: base64\n\nRnJvbTogYkB4CgppbgA="),
            "From: b@x\n\nin",
        ),
    ],
)
@pytest.mark.parametrize("name", ["a.eml", "upload"])
def test_a_mail_gives_its_headers_and_its_body(name: str, content: bytes, text: str) -> None:
    assert text_of(name, content) == f"From: a@example.com\nSubject: Hi\n\n{text}"


def test_reports_and_parts_of_a_mail_that_are_headers_are_read() -> None:
    report = parted(
        "report",
        PLAIN + "failed",
        "Content-Type: message/delivery-status\n\nReporting-MTA: dns; x\n\nAction: failed\n",
        "Content-Type: text/rfc822-headers\n\nSubject: first\n",
    )
    assert text_of("a.eml", report).endswith(
        "failed\nReporting-MTA: dns; x\nAction: failed\nSubject: first"
    )
    inner = parted("mixed", "Content-Type: message/global\n\nSubject: \u00e4\n\ninner")
    assert text_of("a.eml", inner).endswith("Subject: \u00e4\n\ninner")
    outside = mail("Content-Type: message/external-body; access-type=URL", "\n")
    assert read("a.eml", outside)["leftOut"] == ["a part that is kept elsewhere"]
    stuffed = mail("Content-Type: text/plain; format=flowed; delsp=yes", "on \ne\n From\n > no")
    assert text_of("a.eml", stuffed).endswith("one\nFrom\n> no")


def test_content_of_a_page_that_is_not_text_is_reported() -> None:
    page = (
        "<body>a<img src=a.png><img src='cid:1'><img width=1 src=b><video>no</video>"
        "<iframe src=c></iframe>b"
    )
    found = read("a.html", page)
    assert found["text"] == "ab"
    assert found["leftOut"] == ["a picture", "a video", "a page within the page"]


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("a<div style='color:red; display: NONE'>no<div>no</div>no</div>b", "ab"),
        ("a<span hidden>no</span>b", "ab"),
        ("<p hidden>no<br>no<p>b", "b"),
        ("<div><p hidden>no</div>b", "b"),
        ("<td><p hidden>no<td>b", "\tb"),
    ],
)
def test_hidden_parts_of_a_page_are_reported(page: str, text: str) -> None:
    found = read("a.html", f"<body>{page}")
    assert (found["text"], found["leftOut"]) == (text, ["a part of the page that is hidden"])
    assert text_of("a.html", "<body><p hidden=until-found>a<p style='display:block'>b") == "a\nb"


@pytest.mark.parametrize("name", ["a.csv", "a.txt", "a.html", "a.log"])
def test_a_text_may_hold_a_few_control_characters(name: str) -> None:
    assert "end" in text_of(name, "a\x01b\0\n" + "word " * 99 + "end")
    assert failure_of(name, b"\0\1" * 99)[0] == "UnsupportedDocument"


def test_attachments_of_a_mail_may_be_binary() -> None:
    attached = b"--B\nContent-Type: image/png; name=a.png\n\n" + bytes(range(256)) + b"\n--B--"
    content = parted("mixed", PLAIN + "body").replace(b"--B--", attached)
    found = read("a.eml", content)
    assert found["text"].endswith("\n\nbody")
    assert found["leftOut"] == ["the attachment a.png (image/png)"]


@pytest.mark.parametrize(
    ("codec", "name", "text"),
    [
        ("cp1251", "windows-1251", "имя;год\nИван;20"),  # noqa: RUF001 - letters of other scripts
        ("cp1251", "windows-1251", "ИТОГО;100"),
        ("koi8_r", "koi8-r", "имя;год\nИван Петров;20"),  # noqa: RUF001 - letters of other scripts
        ("cp932", "shift_jis", "名前;年\n太郎;20"),
        ("euc_jp", "euc-jp", "東京都 田中さん;20\nありがとう;3"),
        ("gb18030", "gb18030", "姓名;年龄\n王小明;20"),
        ("cp949", "euc-kr", "이름;나이\n홍길동;20"),
        ("cp1250", "windows-1250", "Łódź;Gdańsk\nŚwiętokrzyskie;7"),
        ("cp1250", "windows-1250", "jméno;město\nŽofie;Plzeň\nJiří;Brno"),
        ("cp1250", "windows-1250", "Győző;Szőlő;Hűvösvölgy"),
        ("iso8859_2", "iso-8859-2", "Łukasz;Kraków;Poznań;Żory;ścieżka"),
        ("cp1254", "windows-1254", "Gülşah;Kırşehir\nAğrı;Muğla"),  # noqa: RUF001 - letters of other scripts
        ("cp1257", "windows-1257", "Šiauliai;Panevėžys;Kėdainiai"),
        ("cp1255", "windows-1255", "שם;עיר\nדוד;ירושלים"),  # noqa: RUF001 - letters of other scripts
        ("cp874", "windows-874", "ชื่อ;เมือง\nสมชาย;กรุงเทพ"),
        ("gb18030", "gb18030", "您好，今天天气很好，谢谢您的订单"),  # noqa: RUF001 - letters of other scripts
        ("iso2022_jp", "iso-2022-jp", "こんにちは;今日"),
        ("cp1253", "windows-1253", "Όνομα;Πόλη\nΓιώργος;Αθήνα"),  # noqa: RUF001 - letters of other scripts
        ("cp1252", "windows-1252", "Müller;“José” – it’s 5 €"),  # noqa: RUF001 - letters of other scripts
        ("cp1252", "windows-1252", "ÄÖÜ;GRÖSSE"),
        ("cp1252", "windows-1252", "It’s a “test” – only €5 … really"),  # noqa: RUF001 - letters of other scripts
        ("cp1252", "windows-1252", "José;Müller;Åsa;Søren;François"),
        ("cp1252", "windows-1252", "Reykjavík;Þór;Guðrún"),
    ],
)
def test_the_charset_of_an_undeclared_text_is_detected(codec: str, name: str, text: str) -> None:
    found = read("a.txt", text.encode(codec))
    assert (found["encoding"], found["text"]) == (name, text)
    rows = [line.split(";") for line in text.splitlines()]
    assert read("a.csv", text.encode(codec))["sheets"] == [{"name": "csv", "rows": rows}]


def test_attachments_of_a_mail_are_listed() -> None:
    attached = (
        'Content-Type: application/pdf\nContent-Disposition: attachment; filename="bill.pdf"\n'
        "Content-Transfer-Encoding: base64\n\nJVBERi0="
    )
    found = read("a.eml", parted("mixed", PLAIN + "see it", attached))
    assert found["text"].endswith("see it")
    assert found["leftOut"] == ["the attachment bill.pdf (application/pdf)"]


def test_a_mail_that_may_be_cut_off_says_so() -> None:
    whole = parted("mixed", PLAIN + "see it", PLAIN + "and more")
    assert read("a.eml", whole)["leftOut"] == []
    found = read("a.eml", whole[: whole.index(b"and") + 5])
    assert found["text"].endswith("see it\nand m")
    assert found["leftOut"] == [
        "the end of the message, if there was more: its last line is missing"
    ]


def test_a_text_that_is_cut_within_a_letter_is_still_utf_8() -> None:
    found = read("a.txt", "Grüße und Gruß".encode()[:-1])
    assert (found["encoding"], found["text"]) == ("utf-8", "Grüße und Gru\ufffd")
    found = read("a.txt", "auf Wiedersehen, José".encode("cp1252"))
    assert (found["encoding"], found["text"]) == ("windows-1252", "auf Wiedersehen, José")


def test_encoded_headers_are_decoded() -> None:
    content = b"From: =?utf-8?q?J=C3=B6rg?= <a@x.de>\r\nSubject: =?utf-8?b?R3LDvMOfZQ==?=\r\n\r\nhi"
    assert text_of("a.eml", content) == "From: Jörg <a@x.de>\nSubject: Grüße\n\nhi"


def test_headers_with_an_alias_of_a_charset_are_decoded() -> None:
    content = b"From: a@x\r\nSubject: =?gb2312?B?sGzGsQ==?=\r\n\r\nhi"
    assert text_of("a.eml", content) == "From: a@x\nSubject: 發票\n\nhi"


@pytest.mark.parametrize("charset", ["utf-8", "cp1252"])
def test_headers_with_unencoded_letters_are_read(charset: str) -> None:
    content = "From: a@x\r\nSubject: Grüße\r\n\r\nhi".encode(charset)
    assert text_of("a.eml", content) == "From: a@x\nSubject: Grüße\n\nhi"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("notes.txt", b"To do: call Ada\nDate: unknown\n\nFrom: nobody"),
        ("a.txt", b"From: me\nto the world\n\nhello"),
        ("a.md", b"# Head\n\n<b>kept</b>"),
        ("a.json", b'{"a": "<html>"}'),
    ],
)
def test_plain_text_is_unchanged(name: str, content: bytes) -> None:
    assert text_of(name, content) == content.decode().strip()


def test_images_in_rich_text_are_reported_once() -> None:
    picture = rb"{\*\shppict{\pict\pngblip 8950}}{\nonshppict{\pict\wmetafile8 0100}}"
    found = read("a.rtf", rb"{\rtf1 a" + picture + b"}")
    assert (found["text"], found["leftOut"]) == ("a", ["a picture"])


def test_a_page_is_recognized_after_any_number_of_comments() -> None:
    page = "<?xml version='1.0'?>" + "<!-- a -->\n" * 3_000
    assert text_of("upload", page + "<html><p>a") == "a"
    assert read("upload", page + "<div>")["mediaType"] == "application/xml"


def test_a_mail_with_unusual_headers_is_recognized() -> None:
    content = b"X_Odd/1: y\r\nFrom: a@x\r\nSubject: s\r\n\r\nhi"
    assert text_of("upload", content) == "From: a@x\nSubject: s\n\nhi"
    assert text_of("a.eml", b"From: a@x\r\nno header\r\n\r\nhi").startswith("From: a@x")


def test_a_formula_that_a_field_shows_is_read() -> None:
    field = r"{\field{\*\fldinst { EQ \\o\\al(\\s\\up 9(\u12363?),\u28450?)}}{\fldrslt {}}}"
    source = rf"{{\rtf1 a {field}b {{\field{{\*\fldinst PAGE}}{{\fldrslt 7}}}}}}"
    assert text_of("a.rtf", source) == "a \u6f22(\u304b)b 7"


def test_list_markers_and_symbol_fonts_are_recognized() -> None:
    fonts = r"{\fonttbl{\f1\fcharset2 Wingdings{\*\falt Other};}}"
    mark = r"{\listtext\f1 \u61589?\tab}"
    assert text_of("a.rtf", rf"{{\rtf1{fonts}{mark}one\par\f1\u61694?}}") == "\u2022\tone\n\u2611"
