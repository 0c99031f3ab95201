"""What every service stands on: the log, the read model, the runtime."""
