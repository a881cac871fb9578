"""Actions on runs and questions in the console are also available by API, client and command."""

import re
from pathlib import Path

import pytest

import stepwell
from app.cli.main import main
from app.web.endpoints import ENDPOINTS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "console.md").read_text(encoding="utf-8")
TABLE = PAGE.partition("| in the console | API | client | command |\n")[2].partition("\n\n")[0]
ROW = re.compile(r"^\| [^|]+ \| `(\w+) (\S+)` \| `(\w+)\.(\w+)` \| `stepwell ([^`]+)` \|$")
ROWS = [ROW.fullmatch(line) for line in TABLE.splitlines()[1:]]
SENT = re.compile(r'data-api="(\w+) (/api/workflow/[^"?]+)')


def test_each_row_names_existing_endpoints_methods_and_commands(
    capsys: pytest.CaptureFixture[str],
) -> None:
    known = {(one.method, one.path) for one in ENDPOINTS}
    assert len(ROWS) > 15
    for row in ROWS:
        assert row is not None
        method, path, kind, name, command = row.groups()
        assert (method, path) in known
        assert callable(getattr(getattr(stepwell, kind), name))
        assert callable(getattr(getattr(stepwell, f"Async{kind}"), name))
        with pytest.raises(SystemExit) as ended:
            main([*command.split(), "--help"])
        assert ended.value.code == 0, command
    capsys.readouterr()


def test_each_form_about_runs_has_its_row() -> None:
    templates = ROOT / "app" / "web" / "console" / "templates"
    texts = [file.read_text(encoding="utf-8") for file in templates.glob("*.html")]
    reported = {row[1] + " " + _bare(row[2]) for row in ROWS if row}
    also = {  # the form starts runs, or belongs to another row
        "POST /api/workflow/start-async/{}", "POST /api/workflow/unclaim/{}",
        "POST /api/workflow/management/{}",
    }  # fmt: skip
    sent = {f"{method} {_bare(path)}" for text in texts for method, path in SENT.findall(text)}
    assert sent - reported - also == set()
    assert len(sent) > 6


def _bare(path: str) -> str:
    return re.sub(r"\{\{.*?\}\}|\{\w+\}", "{}", path)
