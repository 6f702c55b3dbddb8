"""The film that plays, as the controls know it: where it is, and where it shall go."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Film:
    """What the source tells of the film that plays, and what is asked of it."""

    at_s: float = 0.0
    """Where it is, or will be once the newest jump is done, in seconds from its start."""
    length_s: float | None = None
    """None: the file does not tell."""
    file: int = 0
    """Which of the source's files it is, from 0."""
    files: int = 1
    name: str = ""
    """Of the file, for people."""
    paused: bool = False
    loop: tuple[float, ...] = ()
    """From where it goes on, or from where to where it plays again and again; () for neither."""
    jumps: int = 0
    """How often another place was asked for so far."""

    @property
    def time(self) -> str:
        """Return where it is, for people."""
        length = "" if self.length_s is None else f" / {clock_text(self.length_s)}"
        return f"{clock_text(self.at_s)}{length}"

    @property
    def loop_text(self) -> str:
        """Return what it repeats, for people, to a tenth of a second; "" for nothing."""
        return " – ".join(
            f"{name} {clock_text(at_s)}.{int(10 * at_s) % 10}"
            for name, at_s in zip("AB", self.loop, strict=False)
        )


def clock_text(seconds: float) -> str:
    """Return ``seconds`` as 1:02 or 1:02:03."""
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"
