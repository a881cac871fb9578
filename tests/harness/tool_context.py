"""What a tool is called with, where no run calls it."""

from steps.contract import StepBroke
from steps.effects import StoredFile, ToolContext


def tool_context(*files: StoredFile, key: str = "run-1:step:1") -> ToolContext:
    """Return a context that knows these files."""
    by_id = {file.file_id: file for file in files}

    async def read(file_id: str) -> StoredFile:
        if file_id not in by_id:
            raise StepBroke("FileNotFound", f"there is no file {file_id}", retryable=False)
        return by_id[file_id]

    return ToolContext("run-1", "step", 1, key, read)
