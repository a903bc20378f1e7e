"""A forecasting championship on MLflow."""
