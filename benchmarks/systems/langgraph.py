"""LangGraph, in process."""

from benchmarks.systems.base import About, LibrarySystem


class LangGraph(LibrarySystem):
    module = "benchmarks.peers.langgraph_peer"
    about = About(
        "langgraph",
        "LangGraph, SQLite",
        "in process",
        'a checkpoint before each next step (durability="sync"); SQLite WAL, synchronous '
        "as SQLite comes (FULL); its caller must invoke each thread again after a kill",
    )

    def arguments(self) -> list[str]:
        return ["--folder", str(self.folder)]
