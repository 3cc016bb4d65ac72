"""Functions: code packages, and the worker processes that run them.

`FunctionPool` implements `services.ports.Functions`.
"""

from stategate.runtime.functions.packages import PackageError, Packages
from stategate.runtime.functions.pool import FunctionPool

__all__ = ["FunctionPool", "PackageError", "Packages"]
