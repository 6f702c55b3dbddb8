"""The page as a studio: films and pictures that pages bring, painted here, and styles of their own.

What is read and painted is read and painted by processes of their own, so the live picture never
waits for it, and what a kill interrupts is gone on with by the next start.
"""
