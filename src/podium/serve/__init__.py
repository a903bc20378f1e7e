"""The champion behind one address."""
