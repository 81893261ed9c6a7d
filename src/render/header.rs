//! The head of a generated file: it tells a file that kptn may replace from
//! one that a person has edited.
//!
//! The last line of the head holds a digest of everything after it, and neither
//! a version nor a time, so an upgrade leaves committed runners as they are.
//! Line ends do not count: git may have changed them.

use crate::model::Digest;

const MARK: &str = "# kptn-runner ";

/// How a runner on disk compares with what would be rendered now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunnerState {
    /// There is none.
    Missing,
    /// It is what would be rendered.
    Current,
    /// It is as kptn wrote it, from an earlier `kptn.yaml` or by another kptn.
    Outdated,
    /// A person changed it; it still speaks with kptn, so it is run as it is.
    Edited,
    /// It has no head of kptn's: an older project's, which cannot run here.
    Foreign,
}

/// Puts the head before `body`.
pub(super) fn with_header(interpreter: &str, body: &str) -> String {
    let digest = Digest::of(body.as_bytes());
    format!(
        "#!/usr/bin/env {interpreter}\n\
         # Made from kptn.yaml by `kptn render`. `kptn run` keeps it up to date; once edited, it stays as it is.\n\
         {MARK}{digest}\n{body}"
    )
}

/// Tells what may be done with the runner that is there; `existing` is absent where none is.
pub fn state_of(existing: Option<&str>, rendered: &str) -> RunnerState {
    let Some(existing) = existing else { return RunnerState::Missing };
    let existing = existing.replace("\r\n", "\n");
    if existing == rendered {
        return RunnerState::Current;
    }
    match parts(&existing) {
        Some((digest, body)) if digest == Digest::of(body.as_bytes()).to_string() => RunnerState::Outdated,
        Some(_) => RunnerState::Edited,
        None => RunnerState::Foreign,
    }
}

/// Returns the digest that the head names, and what follows the head.
fn parts(text: &str) -> Option<(&str, &str)> {
    let at = text.find(&format!("\n{MARK}"))? + 1 + MARK.len();
    text[at..].split_once('\n')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_kptn_wrote_may_be_replaced() {
        let (old, new) = (with_header("python3", "old\n"), with_header("python3", "new\n"));
        assert_eq!(state_of(None, &new), RunnerState::Missing);
        assert_eq!(state_of(Some(&new), &new), RunnerState::Current);
        assert_eq!(state_of(Some(&new.replace('\n', "\r\n")), &new), RunnerState::Current);
        assert_eq!(state_of(Some(&old), &new), RunnerState::Outdated);
        assert_eq!(state_of(Some(&old.replace('\n', "\r\n")), &new), RunnerState::Outdated);
        assert_eq!(state_of(Some(&old.replace("old", "mine")), &new), RunnerState::Edited);
        assert_eq!(state_of(Some("# by kptn 0.1\nimport prefect\n"), &new), RunnerState::Foreign);
        assert_eq!(state_of(Some(""), &new), RunnerState::Foreign);
    }
}
