//! Runners from the model.
