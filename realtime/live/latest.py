"""A mailbox with one slot between two threads: what is newer replaces what was not fetched.

Live only; files use queues.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Latest(Generic[T]):
    """A mailbox with one slot.

    ``on_drop`` is called, in the thread that puts, with each item that was replaced before it was
    fetched.
    """

    def __init__(self, on_drop: Callable[[T], None] | None = None) -> None:
        self._changed = threading.Condition()
        self._item: T | None = None
        self._closed = False
        self._on_drop = on_drop

    def put(self, item: T) -> None:
        """Leave ``item`` for the reader. Never waits. After ``close`` the item is forgotten."""
        with self._changed:
            if self._closed:
                return
            replaced, self._item = self._item, item
            self._changed.notify()
        if replaced is not None and self._on_drop:
            self._on_drop(replaced)

    def get(self, timeout_s: float | None = None) -> T | None:
        """Fetch the newest item.

        Returns None if none came within ``timeout_s`` (None: wait for ever) or the mailbox is
        closed. An item that was put before ``close`` is still handed out.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._item is not None or self._closed, timeout_s)
            item, self._item = self._item, None
            return item

    def close(self) -> None:
        """Wake the reader and take nothing more. Closing twice is harmless."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @property
    def finished(self) -> bool:
        """True once the mailbox is closed and empty."""
        with self._changed:
            return self._closed and self._item is None
