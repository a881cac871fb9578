"""The dashboard and the alert rules use existing metrics, and are valid."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.web.api.metric_table import METRICS

MONITORING = Path(__file__).parents[2] / "distribution" / "monitoring"
KINDS = {row.name: row.kind for row in METRICS}
LABELS = {row.name: set(row.labels) for row in METRICS}
OF_THE_PROCESS = {"process_resident_memory_bytes", "process_cpu_seconds_total", "up"}


def expressions() -> list[str]:
    dashboard = json.loads((MONITORING / "dashboard.json").read_text())
    rules: Any = yaml.safe_load((MONITORING / "alerts.yaml").read_text())
    drawn = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
    return drawn + [rule["expr"] for group in rules["groups"] for rule in group["rules"]]


def unknown(expression: str) -> set[str]:
    """Return the metrics and labels of an expression that do not exist."""
    found = set()
    for name, labels in re.findall(r"\b((?:stepwell|process)_\w+|up\b)(?:{([^}]*)})?", expression):
        bare = name.removesuffix("_bucket")
        is_histogram = name.endswith("_bucket") and KINDS.get(bare) == "histogram"
        if name not in KINDS and name not in OF_THE_PROCESS and not is_histogram:
            found.add(name)
        used = set(re.findall(r"(\w+)\s*(?:=|!=|=~)", labels or ""))
        found |= used - LABELS.get(bare, set()) - {"instance", "job"}
    return found


def test_their_metrics_and_labels_exist() -> None:
    assert len(expressions()) > 20
    assert {text: odd for text in expressions() if (odd := unknown(text))} == {}
    for text in expressions():
        assert text.count("(") == text.count(")")
    assert unknown('rate(stepwell_rnus{instance="x", colour="red"}[5m])') == {
        "stepwell_rnus",
        "colour",
    }


def test_every_metric_is_on_the_dashboard() -> None:
    text = " ".join(expressions())
    assert [name for name in KINDS if name not in text] == []


def test_every_alert_is_described() -> None:
    rules = yaml.safe_load((MONITORING / "alerts.yaml").read_text())["groups"][0]["rules"]
    for rule in rules:
        assert set(rule["annotations"]) == {"summary", "description"}
        assert rule["labels"]["severity"] in ("warning", "critical")


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_promtool_accepts_the_rules() -> None:
    subprocess.run(["promtool", "check", "rules", MONITORING / "alerts.yaml"], check=True)
