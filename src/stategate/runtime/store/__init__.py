"""Where everything durable is: records of the services, and executions with their frames, history and timers."""
