"""OpenCV, where it loads."""

from __future__ import annotations

from types import ModuleType

from engines.errors import EngineUnavailable


def import_opencv(who_needs: str, instead: str = "") -> ModuleType:
    """Return OpenCV.

    Raises EngineUnavailable where it does not load: ``who_needs`` begins the sentence, ``instead``
    ends what to type.
    """
    try:
        import cv2
    except ImportError as error:
        raise EngineUnavailable(
            f"{who_needs} OpenCV, which does not load here ({error}). "
            f"Type: apt install libgl1 libglib2.0-0{instead}."
        ) from error
    return cv2
