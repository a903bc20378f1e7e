"""Models that follow the registry: read, fetched, tried, and put in service by one assignment."""
