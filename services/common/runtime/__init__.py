"""What every service runs on: settings, telemetry, health, errors, and the loop that wires them."""
