-- MLflow's database, beside Podium's, which the image makes.
CREATE DATABASE mlflow;
