//! What went wrong with a remote, and what to do about it.

use std::error::Error;

use super::CommandError;
use crate::cli::exit::Exit;
use crate::model::TaskName;
use crate::ops::remotes::PeerError;
use crate::remote::{BringError, RemoteError};
use crate::store::StoreError;

/// What `--at` takes.
const AT: &str =
    "`--at` takes a commit that was pushed from, a tag of it, or a time such as 2026-11-25 or '3 days ago'";

impl From<PeerError> for CommandError {
    fn from(error: PeerError) -> Self {
        let told = Self::of(Exit::USAGE, &error);
        match error {
        PeerError::NoMoment { .. } => told.hint(AT),
        PeerError::UnknownRemote { near: Some(near), .. } => told.hint(format!("did you mean `{near}`?")),
        PeerError::UnknownRemote { known, .. } if !known.is_empty() => {
            told.hint(format!("the remotes are: {}", known.join(", ")))
        }
        PeerError::UnknownRemote { .. } | PeerError::NoRemote => {
            told.hint("write `remotes: {prod: {url: s3://bucket/prefix}}` into kptn.yaml; `file:///folder` works too")
        }
        PeerError::WhichRemote { known } => {
            let first = known.first().map_or("REMOTE", String::as_str);
            told.hint(format!("say which: `kptn pull {first}`, `kptn fsck --remote {first}`"))
        }
        PeerError::NotWritable { .. } => told.hint("name another remote; `kptn remote` lists them"),
        PeerError::NothingToPush { .. } => told.hint("`kptn run` makes one"),
        PeerError::PullWouldLose { remote, .. } => Self { exit: Exit::CONFLICT, ..told }.hint(format!(
            "`kptn pull {remote} --into debug/{remote}` leaves them alone; with `--force` they are given up, and `kptn undo` brings them back"
        )),
        PeerError::NameTaken { .. } => told.hint("`kptn remote` lists them; edit kptn.yaml to change one"),
        PeerError::NoName { .. } => told.hint("a name has letters, digits, `-`, `_` and `.`"),
        PeerError::SecretInUrl { .. } => {
            told.hint("name a profile with `--profile`, or set the environment; `kptn.yaml` is in git")
        }
        PeerError::NotAdded { lines, .. } => told.hint(format!("put this into it yourself:\n{lines}")),
        PeerError::DeferOnProtected { .. } => Self { exit: Exit::CONFLICT, ..told }
            .hint("run it on a branch of your own: `git switch -c try`"),
        PeerError::NeverFinished { .. } => told,
        PeerError::NotThere { tasks, .. }
        | PeerError::Bad { tasks, .. }
        | PeerError::LocalOnly { tasks, .. } => {
            told.hint(format!("`kptn run {}` makes it here", with_before(&tasks)))
        }
        }
    }
}

/// Something that a lazy pull left at a remote did not come.
pub(super) fn away(error: &(dyn Error + 'static), told: CommandError) -> CommandError {
    let mut all = std::iter::successors(Some(error), |error| (*error).source());
    match all.find_map(|error| error.downcast_ref::<BringError>()) {
        Some(BringError::Refused { source, .. })
            if matches!(**source, RemoteError::Store(StoreError::NoSpace { .. })) =>
        {
            told.hint("this machine's disk is full: make room, and the same command goes on from there")
        }
        Some(BringError::Refused { name, .. }) => told.hint(format!(
            "`kptn remote check {name}` tries to reach it; where its address changed, `kptn pull {name} --lazy` writes that down"
        )),
        Some(BringError::Unknown { .. }) | None => told,
    }
}

/// Somewhere else: the network, a bucket, somebody who was faster.
pub(super) fn of_remote(error: &RemoteError) -> CommandError {
    match error {
        RemoteError::Store(StoreError::NoSpace { .. }) => CommandError::of(Exit::ENVIRONMENT, error)
            .hint("what came is kept; make room, and the same command goes on from there"),
        RemoteError::Declined { .. } => CommandError::of(Exit::FAILED, error)
            .hint("`--lazy` brings records alone, `--for TASK` what one task reads, `-s` some tasks"),
        RemoteError::Address { .. } => CommandError::of(Exit::USAGE, error).hint("mend `remotes` in kptn.yaml"),
        RemoteError::NoBranch { known, .. } if !known.is_empty() => CommandError::of(Exit::USAGE, error)
            .hint(format!("`--from` names one of: {}", known.join(", "))),
        RemoteError::NoMove { .. } => CommandError::of(Exit::USAGE, error).hint(AT),
        RemoteError::NoBranch { .. } => CommandError::of(Exit::USAGE, error).hint("nobody has pushed yet"),
        RemoteError::Conflict { tasks, .. } if tasks.is_empty() => CommandError::of(Exit::CONFLICT, error)
            .hint("somebody pushed since: `kptn fetch` looks at it, then `--force-with-lease` puts yours in its place"),
        RemoteError::Conflict { .. } => CommandError::of(Exit::CONFLICT, error).hint(
            "`kptn fetch`, then `kptn push --force-with-lease` puts yours in place of theirs; `kptn pull --force` takes theirs",
        ),
        RemoteError::Busy { .. } => CommandError::of(Exit::CONFLICT, error).hint("try again in a while"),
        RemoteError::Expired { .. } => CommandError::of(Exit::ENVIRONMENT, error).hint(
            "log in again (`aws sso login`), then give the same command: what was sent is not sent again",
        ),
        RemoteError::OtherRegion { .. } => {
            CommandError::of(Exit::ENVIRONMENT, error).hint("set `region` of the remote in kptn.yaml")
        }
        RemoteError::Clock { .. } => CommandError::of(Exit::ENVIRONMENT, error).hint("set the clock"),
        RemoteError::NotWhole { .. } => CommandError::of(Exit::ENVIRONMENT, error)
            .hint("`kptn fsck --remote` names all that is lost, and what to do"),
        RemoteError::Collecting { .. } => {
            CommandError::of(Exit::CONFLICT, error).hint("it goes on; `kptn gc --remote` says what is left")
        }
        RemoteError::Denied { action: "remove", .. } => CommandError::of(Exit::ENVIRONMENT, error)
            .hint("a collection needs the right to delete (`s3:DeleteObject`); a push does not"),
        RemoteError::Denied { .. } | RemoteError::NoCredentials { .. } | RemoteError::Credentials { .. } => {
            CommandError::of(Exit::ENVIRONMENT, error)
                .hint("`kptn remote check` tries what is allowed; `profile` or the AWS environment names credentials")
        }
        RemoteError::Refs { there, .. } => CommandError::of(Exit::USAGE, error).hint(match there {
            Some(address) => format!("write `refs: {address}` at this remote in kptn.yaml"),
            None => "take `refs` away at this remote in kptn.yaml, or name an empty place: branches are not moved".to_owned(),
        }),
        RemoteError::NotOurs { .. } | RemoteError::Nothing { .. } => {
            CommandError::of(Exit::ENVIRONMENT, error).hint("the first `kptn push` makes it; is the address right?")
        }
        RemoteError::NotEmpty { url, .. } => CommandError::of(Exit::USAGE, error)
            .hint(format!("name a folder of its own in kptn.yaml, such as `{}/kptn`", url.trim_end_matches('/'))),
        RemoteError::Memory { .. } => CommandError::of(Exit::ENVIRONMENT, error)
            .hint("free some, or raise its limit (`ulimit -v`); what came is kept, and the same command goes on"),
        RemoteError::Folder { source, .. } if is_full(source) => CommandError::of(Exit::ENVIRONMENT, error)
            .hint("make room there, then give the same command again: what was written is kept. `kptn gc --remote` needs a little room itself, as it writes a list of what goes"),
        RemoteError::Folder { source, .. } if is_refused(source) => CommandError::of(Exit::ENVIRONMENT, error)
            .hint("it may not be written by you as it stands; `kptn remote check` tries what is allowed"),
        RemoteError::NoOutput { task, .. } => CommandError::of(Exit::ENVIRONMENT, error).hint(format!(
            "kptn has not written that: ask who may write there; `kptn pull --at` takes what the branch had before, and `kptn run {task}` makes it here"
        )),
        RemoteError::NewerFormat { .. } => {
            CommandError::of(Exit::ENVIRONMENT, error).hint("use the kptn that wrote it, or a newer one")
        }
        RemoteError::Damaged { key, .. } if key.starts_with("runs/") => CommandError::of(Exit::ENVIRONMENT, error)
            .hint("what is lost of a run of several machines nobody has: `kptn run close` keeps the rest, and the next run makes it again"),
        RemoteError::Damaged { .. } | RemoteError::Missing { .. } | RemoteError::Base { .. } => CommandError::of(Exit::ENVIRONMENT, error)
            .hint("nothing here was changed; `kptn push --repair` from a machine and branch that has it puts it right"),
        _ => CommandError::of(Exit::ENVIRONMENT, error)
            .hint("nothing here was changed; the same command goes on with what is left"),
    }
}

fn is_full(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded)
}

fn is_refused(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem};
    matches!(error.kind(), PermissionDenied | ReadOnlyFilesystem)
}

fn with_before(tasks: &[TaskName]) -> String {
    tasks.iter().map(|task| format!("+{task}")).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_no_room_or_no_right_is_not_told_to_try_again() {
        let hint = |kind: std::io::ErrorKind| {
            let (url, key) = ("file:///shared".to_owned(), "packs/1".to_owned());
            let source = std::io::Error::from(kind);
            of_remote(&RemoteError::Folder { url, action: "write", key, source }).hint.unwrap_or_default()
        };
        use std::io::ErrorKind::*;
        for kind in [StorageFull, QuotaExceeded] {
            assert!(hint(kind).starts_with("make room there"), "{kind}");
        }
        for kind in [PermissionDenied, ReadOnlyFilesystem] {
            assert!(hint(kind).contains("`kptn remote check`"), "{kind}");
        }
        assert!(hint(NotADirectory).contains("goes on with what is left"));
    }
}
