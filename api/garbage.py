"""How often a long run of the process looks for garbage."""

import gc

__all__ = ["settle"]


def settle() -> None:
    """What start-up made stays: collect once, freeze it, and collect more seldom from now on.

    The collector's pauses are the slowest answers of a Python service, and a good part of the work
    of an import, which makes many small things and no circles.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
