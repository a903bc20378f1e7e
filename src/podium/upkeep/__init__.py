"""The chores of years: what is wrong and how it is mended, backups, what may go, and moving house."""
