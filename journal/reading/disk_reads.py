"""Whether a thread had to wait for the disk: its clock alone cannot tell.

On a busy machine the processor may be somebody else's in the middle of a read, for longer than a
slow disk takes. Another thread would have to wait for it as well, and for the interpreter besides.
"""

import resource
from collections.abc import Callable
from itertools import count


def _counter() -> Callable[[], int]:
    thread = getattr(resource, "RUSAGE_THREAD", None)
    if thread is None:
        return count().__next__  # nothing tells: whatever took long has waited
    return lambda: resource.getrusage(thread).ru_inblock


disk_reads = _counter()
"""Returns a number that grows when this thread has waited for what it reads from a disk."""
