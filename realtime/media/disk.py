"""What can go wrong when a file is written, said in one way."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path

from engines.errors import SinkError

_FULL = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)


@contextlib.contextmanager
def write_errors(path: Path, writer: str = "") -> Iterator[None]:
    """Raise errors of the system and of PyAV as SinkError about ``path``.

    ``writer``: what failed, where the error does not tell.
    """
    import av

    try:
        yield
    except (av.error.FFmpegError, OSError, ValueError) as error:
        if getattr(error, "errno", None) in _FULL:
            raise SinkError(f"{path}: cannot be written: the disk is full.") from error
        reason = getattr(error, "strerror", None) or error
        if getattr(error, "errno", None) == errno.EINVAL:  # which says nothing to anybody
            reason = "FFmpeg does not say why; another ending such as .mkv, or --vcodec, may do"
        is_ours = isinstance(error, OSError) and not isinstance(error, av.error.FFmpegError)
        failed = f"{writer} failed: " if writer and not is_ours else ""
        raise SinkError(f"{path}: cannot be written ({failed}{reason}).") from error
