"""The engine: the loop around the pure machine. Load a run, step, commit, and only then do what it asks for."""

from stategate.runtime.engine.engine import Engine, EngineClosed
from stategate.runtime.engine.language import Language

__all__ = ["Engine", "EngineClosed", "Language"]
