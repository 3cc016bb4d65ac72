"""The States Language: definition -> program -> machine. Pure: no I/O, no clock, no randomness."""
