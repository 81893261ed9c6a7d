//! The head of a generated file: it tells a file that kptn may replace from
//! one that a person has edited.
//!
//! The last line of the head holds a digest of everything after it, and neither
//! a version nor a time, so an upgrade leaves committed runners as they are.
//! Line ends do not count: git may have changed them.

use crate::model::Digest;

const MARK: &str = "kptn-runner ";

/// What stands in a template where its head is to be: a line of its own, in whatever the language calls a comment.
pub(super) const PLACE: &str = "\u{1}kptn header\u{1}";

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

/// Puts the head before `body`, whose comments begin with `#`.
pub(super) fn with_header(interpreter: &str, made_by: &str, body: &str) -> String {
    let digest = Digest::of(body.as_bytes());
    format!(
        "#!/usr/bin/env {interpreter}\n\
         # Made from kptn.yaml by {made_by}; once edited, it stays as it is.\n\
         # {MARK}{digest}\n{body}"
    )
}

/// Puts the head in its place, in a file of a user's template; without one the file is as it was rendered.
pub(super) fn in_place(text: &str, made_by: &str) -> String {
    let Some((before, after)) = text.split_once(PLACE) else { return text.to_owned() };
    let (rest_of_line, body) = after.split_once('\n').unwrap_or((after, ""));
    let body = body.replace(PLACE, "");
    let digest = Digest::of(body.as_bytes());
    format!("{before}Made from kptn.yaml by `{made_by}`. {MARK}{digest}{rest_of_line}\n{body}")
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

/// Tells whether two files were made from the same, by their heads alone: what follows may have been filled in since.
pub fn made_alike(one: &str, other: &str) -> bool {
    let named = |text| digest_in(text).map(|(digest, _)| digest);
    named(one).is_some() && named(one) == named(other)
}

/// Returns the digest that the head names, and what follows the head.
fn parts(text: &str) -> Option<(&str, &str)> {
    let (digest, rest) = digest_in(text)?;
    Some((digest, rest.split_once('\n')?.1))
}

fn digest_in(text: &str) -> Option<(&str, &str)> {
    let named = &text[text.find(MARK)? + MARK.len()..];
    Some(named.split_at(named.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(named.len())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_kptn_wrote_may_be_replaced() {
        let (old, new) = (
            with_header("python3", "`kptn render`", "old\n"),
            with_header("python3", "`kptn render`", "new\n"),
        );
        assert_eq!(state_of(None, &new), RunnerState::Missing);
        assert_eq!(state_of(Some(&new), &new), RunnerState::Current);
        assert_eq!(state_of(Some(&new.replace('\n', "\r\n")), &new), RunnerState::Current);
        assert_eq!(state_of(Some(&old), &new), RunnerState::Outdated);
        assert_eq!(state_of(Some(&old.replace('\n', "\r\n")), &new), RunnerState::Outdated);
        assert_eq!(state_of(Some(&old.replace("old", "mine")), &new), RunnerState::Edited);
        assert_eq!(state_of(Some("# by kptn 0.1\nimport prefect\n"), &new), RunnerState::Foreign);
        assert_eq!(state_of(Some(""), &new), RunnerState::Foreign);
    }

    #[test]
    fn a_template_says_where_its_head_goes() {
        let template = |body: &str| in_place(&format!("<x/>\n<!-- {PLACE} -->\n{body}\n"), "kptn render");
        let (old, new) = (template("old"), template("new"));
        assert!(old.starts_with("<x/>\n<!-- Made from kptn.yaml by `kptn render`. kptn-runner "), "{old}");
        assert!(old.ends_with(" -->\nold\n"), "{old}");
        assert_eq!(state_of(Some(&old), &new), RunnerState::Outdated);
        assert_eq!(state_of(Some(&old.replace("old", "mine")), &new), RunnerState::Edited);
        assert_eq!(in_place("none\n", "kptn render"), "none\n");
    }
}
