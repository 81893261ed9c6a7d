//! Every error of the layers below: its exit code, and what to do about it.

use std::io::ErrorKind;

use super::CommandError;
use crate::cli::exit::Exit;
use crate::config::ConfigError;
use crate::graph::SelectError;
use crate::process::ProcessError;
use crate::store::StoreError;

impl From<ConfigError> for CommandError {
    fn from(error: ConfigError) -> Self {
        match error {
            ConfigError::NotFound { .. } => Self::of(Exit::USAGE, &error)
                .hint("`kptn init` writes a small project to start from; `-C DIR` names another folder"),
            ConfigError::Invalid { diagnostics } => Self::findings(diagnostics),
            ConfigError::Io { ref source, .. } if source.kind() == ErrorKind::NotFound => {
                Self::of(Exit::USAGE, &error)
            }
            ConfigError::Io { .. } => Self::of(Exit::ENVIRONMENT, &error),
        }
    }
}

impl From<SelectError> for CommandError {
    fn from(error: SelectError) -> Self {
        let told = Self::of(Exit::USAGE, &error);
        match error {
            SelectError::UnknownTask { near: Some(near), .. } => told.hint(format!("did you mean `{near}`?")),
            SelectError::UnknownTask { graph, .. } | SelectError::NoMatch { graph, .. } => {
                told.hint(format!("`kptn status --all -g {graph}` lists its tasks"))
            }
            SelectError::UnknownTag { known, .. } if !known.is_empty() => {
                told.hint(format!("the tags are: {}", known.join(", ")))
            }
            SelectError::UnknownTag { .. } => told.hint("no task has `tags`"),
            SelectError::UnknownState { .. } => told,
            SelectError::Malformed { .. } => {
                told.hint("selectors are `a`, `+a`, `a+`, `2+a`, `clean_*`, `tag:x` and `state:stale`")
            }
        }
    }
}

impl From<StoreError> for CommandError {
    fn from(error: StoreError) -> Self {
        let told = Self::of(Exit::ENVIRONMENT, &error);
        match error {
            StoreError::NoSpace { .. } => told.hint("what finished is recorded; make room, then run again"),
            StoreError::ReadOnly { .. } => {
                told.hint("make it writable, or name another place in `KPTN_STORE` or `settings.store`")
            }
            StoreError::Absent { .. } | StoreError::Damaged { .. } | StoreError::NotJson { .. } => {
                told.hint("`kptn fsck` tells what else is not whole")
            }
            StoreError::NewerFormat { .. } => told.hint("use the kptn that wrote it, or a newer one"),
            _ => told,
        }
    }
}

impl From<ProcessError> for CommandError {
    fn from(error: ProcessError) -> Self {
        Self::of(Exit::ENVIRONMENT, &error).hint("`kptn doctor` shows which programs are used")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_project_is_a_matter_of_usage_and_an_unreadable_one_of_the_environment() {
        let absent = CommandError::from(ConfigError::NotFound { start: "/p".into() });
        assert_eq!(absent.exit, Exit::USAGE);
        assert!(absent.hint.is_some_and(|hint| hint.contains("kptn init")));
        let io = |kind: ErrorKind| ConfigError::Io { path: "/p".into(), source: kind.into() };
        assert_eq!(CommandError::from(io(ErrorKind::NotFound)).exit, Exit::USAGE);
        assert_eq!(CommandError::from(io(ErrorKind::PermissionDenied)).exit, Exit::ENVIRONMENT);
    }

    #[test]
    fn a_typing_error_is_answered_with_the_near_name() {
        let error =
            SelectError::UnknownTask { graph: "g".into(), name: "clen".into(), near: Some("clean".into()) };
        assert_eq!(CommandError::from(error).hint.as_deref(), Some("did you mean `clean`?"));
    }
}
