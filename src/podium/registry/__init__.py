"""What is recorded of a championship, and the only room that speaks MLflow.

The door is `mlflow_store.MlflowStore`: everything that a championship or a server asks. Behind it stand

- the way to MLflow: `connection`, `turns` (who may change titles), `quiet`, `isolation`, `entities` (answers as ours);
- runs: `log_items` (what is recorded, and its files), `plots`, `recorder`;
- models as files: `packing`, `keras_by_name`, `onnx_by_name` (what loads them), `trust` (what may load), `artifacts`;
- the pair's models: `pair_models`, `versions`, `aliases`; in their tags `history` of titles, `attempts`, `judgements`;
- the database below: `databases`, `mlflow_schema`, `mlflow_tables`, `locations`, `local_files`, `glance`;
- `care`: what only upkeep asks.

`pointer` is the one file that programs read without any of it.
"""
