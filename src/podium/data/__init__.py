"""Where rates come from, what a valid series is, and where it is kept."""
