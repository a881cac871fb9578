"""The figures as a picture; requires matplotlib: `python -m benchmarks.plot FROM TO`."""

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("svg")
mpl.rcParams["svg.hashsalt"] = "stepwell"

import matplotlib.pyplot as plt  # noqa: E402 - after the choice of what draws

_CALLERS = ("1", "8", "64", "256")


def draw(results: dict[str, Any], file: Path) -> None:
    """Draw runs per second by callers, and the distribution of latency at 64 callers."""
    systems = [system for system in results["systems"].values() if system.get("loads")]
    figure, (rates, tails) = plt.subplots(1, 2, figsize=(12, 5), layout="constrained")
    colours = [f"C{number}" for number in range(len(systems))]
    for system, colour in zip(systems, colours, strict=True):
        there = [callers for callers in _CALLERS if callers in system["loads"]]
        rates.plot(
            there, [system["loads"][callers]["rate"] for callers in there], marker="o",
            color=colour, label=system["about"]["title"],
        )  # fmt: skip
    rates.set(yscale="log", xlabel="callers", ylabel="runs a second")
    rates.set_title("Five-step runs a second")
    shown = [
        (system, colour)
        for system, colour in zip(systems, colours, strict=True)
        if "64" in system["loads"]
    ]
    for at, (system, colour) in enumerate(shown):
        load = system["loads"]["64"]
        tails.plot([load["p50_ms"], load["p99_ms"]], [at, at], marker="|", color=colour, lw=6)
    tails.set(xscale="log", xlabel="ms, from p50 to p99")
    tails.set_yticks(range(len(shown)), [system["about"]["title"] for system, _ in shown])
    tails.invert_yaxis()
    tails.set_title("Start to result at 64 callers")
    for axes in (rates, tails):
        axes.grid(visible=True, which="major", alpha=0.3)
    figure.legend(loc="outside lower center", ncols=4, fontsize=9)
    figure.savefig(file, metadata={"Date": None})


if __name__ == "__main__":
    draw(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")), Path(sys.argv[2]))
