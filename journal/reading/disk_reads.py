"""Tells whether a thread had to wait for the disk, which its clock alone cannot tell.

On a busy machine another program may take the processor in the middle of a read, for longer than a
slow disk needs. Another thread would be delayed in the same way, and by the interpreter's lock too.
"""

import resource
from collections.abc import Callable
from itertools import count


def _counter() -> Callable[[], int]:
    thread = getattr(resource, "RUSAGE_THREAD", None)
    if thread is None:
        return count().__next__  # unknown here: every slow read counts as a wait
    return lambda: resource.getrusage(thread).ru_inblock


disk_reads = _counter()
"""Returns a number that grows whenever this thread has waited for the disk."""
