//! On which branch a command works, where that may surprise; what git did to branches.
//!
//! Nothing is said where git has the branch checked out.

use crate::cli::paint::Tone;
use crate::ops::Session;
use crate::ops::renames::Noticed;
use crate::ops::standing::{Because, Standing};

/// Returns one line, or nothing.
pub fn text(session: &Session) -> String {
    let standing = Standing {
        head: session.head.clone(),
        branch: session.key.branch.clone(),
        because: session.because.clone(),
    };
    if !standing.is_unusual() {
        return String::new();
    }
    line(&standing, session.reads().branch.as_str())
}

fn line(standing: &Standing, reads: &str) -> String {
    let branch = standing.branch.as_str();
    let said = match &standing.because {
        Because::CheckedOut | Because::NoGit => return String::new(),
        Because::Detached if reads == branch => format!("HEAD is detached: this is the state of `{branch}`"),
        Because::Detached => {
            format!("HEAD is detached: reading the state of `{reads}`, recording under `{branch}`")
        }
        Because::Flag => format!("this is the state of `{branch}`, as `--branch` says"),
        Because::Variable(name) => format!("this is the state of `{branch}`, as `{name}` says"),
    };
    format!("{} {said}", Tone::Dim.paint("note:"))
}

/// Returns a line for each branch that git renamed or deleted.
pub fn noticed(noticed: &[Noticed]) -> String {
    let line = |one: &Noticed| format!("{} {}", Tone::Dim.paint("note:"), happened(one));
    noticed.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Returns what git did to a branch, and what became of its state.
pub fn happened(noticed: &Noticed) -> String {
    match noticed {
        Noticed::Renamed { from, to } => format!("git renamed `{from}` to `{to}`: its state is `{to}` now"),
        Noticed::Gone { branch } => {
            format!(
                "git has no branch `{branch}` any more: its state is kept; `kptn branch delete {branch}` removes it"
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::width::strip;
    use crate::git::Head;
    use crate::model::BranchName;

    fn said(branch: &str, because: Because, reads: &str) -> String {
        let name = |text: &str| BranchName::parse(text).unwrap();
        let head = Head { branch: name("detached/0123456789ab"), detached: true, commit: None };
        strip(&line(&Standing { head, branch: name(branch), because }, reads))
    }

    #[test]
    fn it_is_told_whose_state_is_read_and_whose_is_written() {
        insta::assert_snapshot!(said("detached/0123456789ab", Because::Detached, "main"), @"note: HEAD is detached: reading the state of `main`, recording under `detached/0123456789ab`");
        insta::assert_snapshot!(said("main", Because::Variable("GITHUB_REF_NAME".into()), "main"), @"note: this is the state of `main`, as `GITHUB_REF_NAME` says");
        assert_eq!(said("main", Because::CheckedOut, "main"), "");
    }
}
