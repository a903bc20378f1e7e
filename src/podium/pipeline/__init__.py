"""The championship's steps: each wires rooms and decides nothing itself."""
