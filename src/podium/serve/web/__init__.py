"""From bytes to answer: HTTP, MLflow's protocol, security, health."""
