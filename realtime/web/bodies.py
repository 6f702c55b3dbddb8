"""What comes with a request, as far as it may."""

from __future__ import annotations

from fastapi import Request


async def read_body(request: Request, most_bytes: int) -> bytes | None:
    """Return what comes with ``request``; None where that is too much."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > most_bytes:
            return None
    return bytes(body)
