"""What is recorded of a championship, and the only room that speaks MLflow."""
