"""The page of ``--serve``: the painting in a browser, with every control.

Only this room knows FastAPI and aiortc.
"""
