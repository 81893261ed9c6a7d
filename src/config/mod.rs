//! `kptn.yaml` and `pyproject.toml` become a [`crate::model::Project`].
