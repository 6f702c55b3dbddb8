"""What the commands do to the film that plays: functions from one state to the next."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from realtime.controls.acts import say
from realtime.controls.film import Film, clock_text
from realtime.controls.state import State

NO_FILM = "only a film can be paused and jumped in: --source FILE"
STEP_S = 10.0


def set_paused(state: State, on: bool) -> State:
    """Let the film stand still where it is, or go on from there."""
    if state.film is None:
        return say(state, NO_FILM)
    film = replace(state.film, paused=on)
    return say(replace(state, film=film), f"{'paused' if on else 'plays'}  {film.time}")


def step(by_s: float) -> Callable[[State, None], State]:
    """Return what jumps ``by_s`` on in the film."""

    def act(state: State, _: None) -> State:
        return jump(state, state.film.at_s + by_s if state.film else 0.0)

    return act


def jump(state: State, to_s: float) -> State:
    """Go on from ``to_s`` seconds of the film, brought into its length.

    A jump out of what is repeated ends the repetition.
    """
    film = state.film
    if film is None:
        return say(state, NO_FILM)
    to_s = max(0.0, to_s if film.length_s is None else min(to_s, film.length_s))
    stays = len(film.loop) < 2 or film.loop[0] <= to_s < film.loop[1]
    return _go(state, replace(film, at_s=to_s, loop=film.loop if stays else ()))


def jump_to_share(state: State, share: float) -> State:
    """Go on from a share of the film's length, 0..1."""
    if state.film is None:
        return say(state, NO_FILM)
    if state.film.length_s is None:
        return say(state, f"{state.film.name} does not tell how long it is: use seek SECONDS")
    return jump(state, share * state.film.length_s)


def share_of(state: State) -> float:
    """Return where the film is as a share of its length, 0..1; 0 where nobody knows."""
    film = state.film
    return min(1.0, film.at_s / film.length_s) if film and film.length_s else 0.0


def mark(state: State, _: None) -> State:
    """Mark the start of what is repeated, then its end; then repeat nothing."""
    film = state.film
    if film is None:
        return say(state, NO_FILM)
    loop = (*film.loop, film.at_s) if len(film.loop) < 2 else ()
    if len(loop) == 2 and loop[1] <= loop[0]:
        return say(state, f"B must come after A, which is at {clock_text(loop[0])}")
    marked = replace(film, loop=loop)
    return say(replace(state, film=marked), marked.loop_text or "no repetition")


def turn_files(by: int) -> Callable[[State, None], State]:
    """Return what plays the file that is ``by`` further on, round and round."""

    def act(state: State, _: None) -> State:
        film = state.film
        if film is None:
            return say(state, NO_FILM)
        file = (film.file + by) % film.files
        # Its name and length are the source's to tell.
        other = replace(film, at_s=0.0, length_s=None, file=file, loop=())
        return say(_go(state, other), f"film {file + 1} of {film.files}")

    return act


def _go(state: State, film: Film) -> State:
    return say(replace(state, film=replace(film, jumps=film.jumps + 1)), film.time)
