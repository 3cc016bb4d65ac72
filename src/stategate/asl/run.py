"""A run: where an execution is. Plain, versioned data: a small header and a tree of frames, each stored on its own.

`Run.changed` and `Run.removed` collect the ids of the frames that steps touched; the engine writes those, and only
those, then calls `committed()`.
"""
