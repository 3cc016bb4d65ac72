"""JSONPath as Jayway JsonPath 2.0.0 reads it, which is what Step Functions behaves like.

path = compile("$.orders[?(@.total > 10)].id")
path.find(document)        the value; PathNotFound with Jayway's message
path.definite              whether it names one place (then a miss is an error; else it gives a list, perhaps empty)
path.reference             whether it is an ASL Reference Path: names and indexes only
path.segments              of a reference path: its names (str) and indexes (int)
"""

from stategate.lang.jsonpath.errors import JSONPathError, PathNotApplicable, PathNotFound, PathSyntaxError
from stategate.lang.jsonpath.path import Path, compile

__all__ = ["JSONPathError", "Path", "PathNotApplicable", "PathNotFound", "PathSyntaxError", "compile"]
