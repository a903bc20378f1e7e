"""The contestants and the contract that they share."""
