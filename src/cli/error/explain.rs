//! Every error of the layers below: its exit code, and what to do about it.

use std::io::ErrorKind;

use super::{CommandError, remotes};
use crate::cli::exit::Exit;
use crate::cli::words;
use crate::config::ConfigError;
use crate::git::GitError;
use crate::graph::SelectError;
use crate::model::{Diagnostic, Severity};
use crate::ops::OpsError;
use crate::ops::reading::ReadingError;
use crate::ops::shoes::ShoesError;
use crate::plan::ChoiceError;
use crate::process::ProcessError;
use crate::state::{LockError, StateError};

use crate::store::StoreError;
use crate::task::TaskError;
use crate::task::attached::AttachedError;
use crate::task::serve::ServeError;

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
            ref other => remotes::away(other, told),
        }
    }
}

impl From<ProcessError> for CommandError {
    fn from(error: ProcessError) -> Self {
        Self::of(Exit::ENVIRONMENT, &error).hint("`kptn doctor` shows which programs are used")
    }
}

impl From<ReadingError> for CommandError {
    fn from(error: ReadingError) -> Self {
        let told = Self::of(Exit::USAGE, &error);
        let listed = |files: &[String]| words::list(&quoted(files), 10);
        match error {
            ReadingError::NoRecord { task, own: true, .. } => told.hint(format!("`kptn run +{task}` makes it")),
            ReadingError::NoRecord { .. } => told,
            ReadingError::NoFiles { task } => {
                told.hint(format!("`kptn output {task}` shows what it printed"))
            }
            ReadingError::NoFile { near: Some(near), .. } => told.hint(format!("did you mean `{near}`?")),
            ReadingError::NoFile { known, .. } => told.hint(format!("it left {}", listed(&known))),
            ReadingError::WhichFile { files, .. } | ReadingError::Folder { files, .. } => {
                told.hint(format!("name one of them: {}", listed(&files)))
            }
            ReadingError::Lost { task, .. } => {
                let task = task.split('[').next().unwrap_or_default();
                Self { exit: Exit::FAILED, ..told }.hint(format!("`kptn run -f {task}` makes it again"))
            }
            ReadingError::OneFolder { there: true, .. } => told.hint(
                "`kptn cat --from REMOTE TASK FILE > elsewhere` reads it; `outputs_dir: scratch/<branch>` keeps them apart",
            ),
            ReadingError::OneFolder { branch, .. } => told.hint(format!(
                "`kptn cat -b {branch} TASK FILE > elsewhere` reads it; `outputs_dir: scratch/<branch>` keeps them apart"
            )),
            ReadingError::Busy { .. } => {
                Self { exit: Exit::CONFLICT, ..told }.hint("`kptn cat` reads it all the same")
            }
        }
    }
}

impl From<ShoesError> for CommandError {
    fn from(error: ShoesError) -> Self {
        let told = Self::of(Exit::USAGE, &error);
        match error {
            ShoesError::WhichItem { task, items } if items.is_empty() => {
                told.hint(format!("`kptn run +{task}` makes the list of its items"))
            }
            ShoesError::WhichItem { task, items } => {
                let names: Vec<_> = items.iter().map(|item| format!("'{task}[{item}]'")).collect();
                told.hint(format!("name one of them: {}", words::list(&names, 5)))
            }
            ShoesError::NoDependency { dependency, .. } => {
                told.hint(format!("`kptn run +{dependency}` makes it"))
            }
            ShoesError::Lost { .. } => {
                Self { exit: Exit::FAILED, ..told }.hint("`kptn run` makes them again")
            }
            ShoesError::NotRecorded { source, .. } => match *source {
                AttachedError::Task(TaskError::NoRecord { dependency }) => {
                    told.hint(format!("`kptn run +{dependency}` makes it"))
                }
                AttachedError::Task(TaskError::BadItems { .. }) => told,
                _ => Self { exit: Exit::ENVIRONMENT, ..told }.hint("nothing was recorded"),
            },
            ShoesError::NotHanded { .. } => told,
            ShoesError::Handing(_) => Self { exit: Exit::ENVIRONMENT, ..told },
            ShoesError::Process(error) => error.into(),
        }
    }
}

fn quoted<T: std::fmt::Display>(names: &[T]) -> Vec<String> {
    names.iter().map(|name| format!("`{name}`")).collect()
}

impl From<OpsError> for CommandError {
    fn from(error: OpsError) -> Self {
        match error {
            OpsError::Config(error) => error.into(),
            OpsError::Select(error) => error.into(),
            OpsError::Store(error) => error.into(),
            OpsError::State(StateError::Store(error)) | OpsError::Lock(LockError::Store(error)) => {
                error.into()
            }
            OpsError::Process(error) => error.into(),
            OpsError::Moving(error) => error.into(),
            OpsError::Aws(error) => error.into(),
            OpsError::Deployed(error) => error.into(),
            OpsError::Engine(error) => error.into(),
            OpsError::Deploy(error) => error.into(),
            OpsError::SharedRun(error) => error.into(),
            OpsError::Render(error) => error.into(),
            OpsError::Reading(error) => error.into(),
            OpsError::Shoes(error) => error.into(),
            OpsError::NotAccepted(error) => error.into(),
            OpsError::NotPromoted(error) => error.into(),
            OpsError::NotMade(error) => error.into(),
            OpsError::Peer(error) => error.into(),
            OpsError::Remote(error) => remotes::of_remote(&error),
            OpsError::Broken { diagnostics } => Self::findings(diagnostics),
            OpsError::Cycle { ref path, location, .. } => Self::findings(vec![
                Diagnostic::new(Severity::Error, error.to_string())
                    .at(path, location)
                    .hint("take one of these dependencies away"),
            ]),
            error => asked_for(&error).unwrap_or_else(|| around_it(&error)),
        }
    }
}

/// What was typed cannot be done: nothing was started.
fn asked_for(error: &OpsError) -> Option<CommandError> {
    let told = CommandError::of(Exit::USAGE, error);
    Some(match error {
        OpsError::UnknownGraph { near: Some(near), .. } | OpsError::UnknownTask { near: Some(near), .. } => {
            told.hint(format!("did you mean `{near}`?"))
        }
        OpsError::UnknownGraph { known, .. } => told.hint(format!("the graphs are: {}", known.join(", "))),
        OpsError::UnknownTask { .. } => told.hint("`kptn status --all` lists the tasks"),
        OpsError::GraphIsNoTask { name } => {
            told.hint(format!("`kptn status -g {name} --all` lists its tasks"))
        }
        OpsError::Address { .. } => told.hint("an item is named as `'TASK[ITEM]'`, for example `'B[NC]'`"),
        OpsError::NoItems { task } => told.hint(format!("name the task alone: `{task}`")),
        OpsError::ItemsUnknown { provider: Some(provider), .. } => {
            told.hint(format!("`kptn run {provider}` makes the list"))
        }
        OpsError::UnknownItem { near: Some(near), .. } => told.hint(format!("did you mean `{near}`?")),
        OpsError::UnknownItem { .. } => told.hint(
            "an item is named by its value, as `'B[NC]'` or `'B[T1,27601]'`, or in JSON: `'B[[\"T1\",27601]]'`",
        ),
        OpsError::AmbiguousItem { task, names, .. } => {
            let names: Vec<String> = names.iter().map(|name| format!("`'{task}[{name}]'`")).collect();
            told.hint(format!("say which one is meant: {}", words::list(&names, 5)))
        }
        OpsError::NotOneMapped { .. } => told.hint("name one task with `map_over`: `kptn run B --item NC`"),
        OpsError::AfterItems { task, after } => told.hint(format!(
            "run `kptn run {task} --item …` alone; `kptn run {after}` goes on once all items of `{task}` are fresh"
        )),
        OpsError::Items { task, error: ChoiceError::SharedOutput { .. } } => told.hint(format!(
            "`kptn run {task}` runs all of them; an output with a `${{variable}}` of the item is that item's own"
        )),
        OpsError::Items { error: ChoiceError::OtherList { .. }, .. } => {
            told.hint("`kptn task bundles` names those of today")
        }
        OpsError::TaskInSeveralGraphs { graphs, .. } | OpsError::WhichGraph { graphs } => {
            let flags: Vec<String> = graphs.iter().map(|graph| format!("`-g {graph}`")).collect();
            told.hint(format!("say which one is meant: {}", flags.join(" or ")))
        }
        OpsError::StaleDependencies { selected, stale, .. } => {
            let (selected_names, stale_names) = (quoted(selected), quoted(stale));
            let told = CommandError::usage(format!(
                "what {} depends on is not fresh: {}",
                words::list(&selected_names, 5),
                words::list(&stale_names, 20)
            ));
            let names =
                |before: &str| -> String { selected.iter().map(|task| format!(" {before}{task}")).collect() };
            told.hint(format!(
                "`kptn run{}` runs them first; `kptn run{} --no-deps` takes them as they are, `--defer REMOTE` as a remote has them",
                names("+"),
                names("")
            ))
        }
        OpsError::Exists { .. } => told.hint("nothing was written; name another folder: `kptn init DIR`"),
        OpsError::NoItemLog { task, item } => {
            told.hint(format!("`kptn run {task} --item '{item}'` runs it alone"))
        }
        OpsError::NoLog { task } => told.hint(format!("`kptn run {task}` runs it")),
        OpsError::ElsewhereThanProtected { branch, known: false, .. } => {
            told.hint(format!("`git fetch origin {branch}` brings it"))
        }
        OpsError::ElsewhereThanProtected { branch, .. } => told.hint(format!(
            "`git switch {branch}` first; what a branch has made can be promoted once it is merged: `kptn promote BRANCH`"
        )),
        OpsError::NoBase { .. } => told.hint(
            "fetch it first: `git fetch origin main`; in CI, check out with the whole history (`fetch-depth: 0`)",
        ),
        OpsError::ItemsUnknown { .. }
        | OpsError::Items { .. }
        | OpsError::NoCommonGraph { .. }
        | OpsError::NoGraph { .. }
        | OpsError::Name { .. }
        | OpsError::UnknownRun { .. }
        | OpsError::State(StateError::UnknownRun { .. })
        | OpsError::Serve(ServeError::NotInRun { .. }) => told,
        _ => return None,
    })
}

/// Something on this machine, or someone else, stands in the way.
fn around_it(error: &OpsError) -> CommandError {
    match error {
        OpsError::Lock(_) => CommandError::of(Exit::CONFLICT, error)
            .hint("`--wait` waits for it; `kptn status` shows what is going on"),
        OpsError::NoRepository { .. } => CommandError::of(Exit::ENVIRONMENT, error)
            .hint("run `git init` first, or `-C DIR` for another folder"),
        OpsError::HookInTheWay { before, .. } => CommandError::of(Exit::CONFLICT, error).hint(format!(
            "look at both, remove or rename `{}`, then run `kptn hooks install` again",
            before.display()
        )),
        OpsError::Git(GitError::NotTrusted { path }) => CommandError::of(Exit::ENVIRONMENT, error)
            .hint(format!("if you trust it: `git config --global --add safe.directory {}`", path.display())),
        OpsError::Git(GitError::NoProgram { .. }) => CommandError::of(Exit::ENVIRONMENT, error)
            .hint("install git 2.31 or newer: this repository has a format that kptn reads through it"),
        OpsError::State(StateError::Protected { made_on, .. }) => CommandError::of(Exit::CONFLICT, error)
            .hint(format!("merge `{made_on}` in git; then `kptn promote {made_on}`, or run it there")),
        OpsError::State(StateError::Deferred { task, .. }) => CommandError::of(Exit::CONFLICT, error)
            .hint(format!("`kptn run -f +{task}` without `--defer` makes it of what is here")),
        OpsError::NoPython { .. } => CommandError::of(Exit::ENVIRONMENT, error)
            .hint("install Python 3, or set `settings.python`; `kptn doctor` shows where it was looked for"),
        OpsError::NoRscript { .. } => CommandError::of(Exit::ENVIRONMENT, error)
            .hint("install R, or set `settings.rscript`; `kptn doctor` shows where it was looked for"),
        _ => remotes::away(error, CommandError::of(Exit::ENVIRONMENT, error)),
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
