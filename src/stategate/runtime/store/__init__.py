"""Where everything durable is: records of the services, and executions with their frames, history and timers.

`memory.MemoryStore` has records only, for tests; `sqlite.SqliteStore` is the real one.
"""
