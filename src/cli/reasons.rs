//! Why a task has its status, in words: `code changed: helpers.clean`, `arg year: 2021 -> 2022`.
//!
//! [`brief`] is for a table's cell, [`each`] for a list. Both say the same facts.

use super::paint::harmless;
use super::words;
use crate::model::{Change, IngredientKind, Reason};

/// In a cell, so many names are listed and the rest is counted.
const NAMES: usize = 3;
/// In a cell, so many reasons are given and the rest is counted.
const REASONS: usize = 3;

/// Returns all reasons in one line, the like put together, cut after three.
pub fn brief(reasons: &[Reason]) -> String {
    // What never ran is stale whatever is before it.
    let never = reasons.contains(&Reason::NeverRan);
    let told = reasons.iter().filter(|reason| !(never && matches!(reason, Reason::Upstream { .. })));
    let parts = together(&told.cloned().collect::<Vec<_>>(), NAMES);
    if parts.len() <= REASONS {
        return parts.join("; ");
    }
    let more = (parts.len() - REASONS) as u64;
    format!("{}; {}", parts[..REASONS].join("; "), words::count(more, "more reason", "more reasons"))
}

/// Returns a line for each reason, nothing left out.
pub fn each(reasons: &[Reason]) -> Vec<String> {
    together(reasons, usize::MAX)
}

fn together(reasons: &[Reason], names: usize) -> Vec<String> {
    let changes: Vec<&Change> = reasons
        .iter()
        .filter_map(|reason| match reason {
            Reason::Changed(change) => Some(change),
            _ => None,
        })
        .collect();
    // A failure already tells which items, where there is nothing else to run.
    let failed = reasons.iter().any(|reason| matches!(reason, Reason::Failed { .. }));
    let told = move |reason: &&Reason| {
        !(failed && matches!(reason, Reason::Items { stale, failed, .. } if stale == failed))
    };
    // Its own reasons first; what is before it has its own row.
    let other = |upstream: bool| {
        reasons
            .iter()
            .filter(|reason| !matches!(reason, Reason::Changed(_)))
            .filter(told)
            .filter(move |reason| matches!(reason, Reason::Upstream { .. }) == upstream)
            .map(|one| reason(one, names))
    };
    let values = changes.iter().filter(|change| phrase(change).is_none()).map(|change| value(change));
    other(false).chain(listed(&changes, names)).chain(values).chain(other(true)).collect()
}

/// Changes that say no more than a name are listed together, in the order of the kinds.
fn listed(changes: &[&Change], names: usize) -> Vec<String> {
    let mut groups: Vec<(&'static str, Vec<&str>)> = Vec::new();
    for (phrase, change) in changes.iter().filter_map(|change| Some((phrase(change)?, change))) {
        match groups.iter_mut().find(|(known, _)| *known == phrase) {
            Some((_, found)) => found.push(&change.name),
            None => groups.push((phrase, vec![&change.name])),
        }
    }
    groups.into_iter().map(|(phrase, found)| phrase.replace("{}", &words::list(&found, names))).collect()
}

/// Returns the phrase for a kind whose values say nothing to people; absent for the other kinds.
fn phrase(change: &Change) -> Option<&'static str> {
    use IngredientKind as Kind;
    let (changed, added, removed) = match change.kind {
        Kind::Code => ("code changed: {}", "code added: {}", "code removed: {}"),
        Kind::Input => ("input changed: {}", "input added: {}", "input removed: {}"),
        Kind::Output => ("output changed: {}", "output declared: {}", "output no longer declared: {}"),
        Kind::DepOutputs => ("outputs of {} changed", "new dependency: {}", "no longer a dependency: {}"),
        Kind::DepResult => ("result of {} changed", "result of {} added", "result of {} no longer taken"),
        Kind::DepRun => ("{} ran again", "{} ran", "run of {} no longer counts"),
        _ => return None,
    };
    Some(match (&change.before, &change.after) {
        (None, _) => added,
        (_, None) => removed,
        _ => changed,
    })
}

fn value(change: &Change) -> String {
    let name = subject(change);
    let with = |verb: &str, link: &str, value| match shown(value) {
        Some(value) => format!("{name} {verb}{link} {value}"),
        None => format!("{name} {verb}"),
    };
    match (&change.before, &change.after) {
        (None, after) => with("added", ":", after),
        (before, None) => with("removed", ", was", before),
        (before, after) => match (shown(before), shown(after)) {
            (Some(before), Some(after)) if before != after => arrow(change, &name, before, after),
            _ => format!("{name} changed"),
        },
    }
}

/// Versions read as one says them: `R 4.2 -> 4.3`; values stand after a colon.
fn arrow(change: &Change, name: &str, before: &str, after: &str) -> String {
    let version = matches!(change.kind, IngredientKind::Interpreter | IngredientKind::Lockfile);
    let colon = if version { "" } else { ":" };
    format!("{name}{colon} {before} -> {after}")
}

fn subject(change: &Change) -> String {
    use IngredientKind as Kind;
    let named =
        |what: &str| if change.name.is_empty() { what.to_owned() } else { format!("{what} {}", change.name) };
    match change.kind {
        Kind::Task => "task name".to_owned(),
        Kind::Language => "language".to_owned(),
        Kind::Function => "function".to_owned(),
        Kind::ResultShape => "result".to_owned(),
        Kind::Mapping => "map_over".to_owned(),
        Kind::Arg => named("arg"),
        Kind::PrefixArgs => "prefix_args".to_owned(),
        Kind::CliArgs => "cli_args".to_owned(),
        Kind::Config => named("config"),
        Kind::Setting => change.name.clone(),
        Kind::Env => named("env"),
        Kind::Probe => format!("probe `{}`", change.name),
        Kind::Interpreter => change.name.clone(),
        // `renv.lock:dplyr` is said by the package's name.
        Kind::Lockfile | Kind::WatchedLockfile => change
            .name
            .rsplit_once([':', ' '])
            .map_or(change.name.as_str(), |(_, package)| package.trim())
            .to_owned(),
        Kind::Item => "item".to_owned(),
        Kind::Items => "list of items".to_owned(),
        Kind::Code => named("code"),
        Kind::Input => named("input"),
        Kind::Output => named("declared output"),
        Kind::DepOutputs => named("outputs of"),
        Kind::DepResult => named("result of"),
        Kind::DepRun => named("run of"),
    }
}

/// Returns a value that says something to people: no digest.
fn shown(value: &Option<String>) -> Option<&str> {
    let value = value.as_deref()?;
    let digest = value.len() == 12 && value.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    (!digest && !value.is_empty()).then_some(value)
}

fn reason(reason: &Reason, names: usize) -> String {
    match reason {
        Reason::NeverRan => "never ran".to_owned(),
        Reason::Changed(change) => value(change),
        Reason::Forced => "forced".to_owned(),
        Reason::Refresh { age_ms } => format!("made {}, longer than `refresh` allows", words::age(*age_ms)),
        Reason::Edited { paths } => format!("edited: {}", words::list(paths, names)),
        Reason::Lost { paths } => format!("gone everywhere: {}", words::list(paths, names)),
        Reason::Elsewhere { paths } => {
            format!("`local_only` where it was made: {}", words::list(paths, names))
        }
        Reason::Invalidated { items, user, why } => {
            let what =
                if items.is_empty() { String::new() } else { format!("{} ", words::list(items, names)) };
            let why = if why.is_empty() { String::new() } else { format!(": {}", harmless(why)) };
            format!("{what}invalidated by {}{why}", harmless(user))
        }
        Reason::Unsettled { changed } => format!("changed while it ran: {}", words::list(changed, names)),
        Reason::Failed { error, .. } => error.clone(),
        Reason::Uncacheable { problems } => words::list(problems, names),
        Reason::Upstream { tasks } => {
            let tasks: Vec<&str> = tasks.iter().map(|task| task.as_str()).collect();
            format!("after {}", words::list(&tasks, names))
        }
        Reason::Reusable { branch } => format!("made on branch {branch}, to be taken from there"),
        Reason::Promotable { branch } => format!("promotable from {branch}"),
        Reason::BadItems { error } => error.clone(),
        Reason::Items { stale, total, failed } => items(*stale, *total, *failed),
    }
}

/// Returns how many items are stale: `312 of 50,000 items stale, 3 of them failed`.
pub fn items(stale: u64, total: u64, failed: u64) -> String {
    let text = format!("{} of {} stale", words::number(stale), words::count(total, "item", "items"));
    if failed == 0 { text } else { format!("{text}, {} failed", words::number(failed)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use IngredientKind as Kind;

    fn change(kind: Kind, name: &str, before: Option<&str>, after: Option<&str>) -> Reason {
        let own = |text: Option<&str>| text.map(str::to_owned);
        Reason::Changed(Change { kind, name: name.into(), before: own(before), after: own(after) })
    }

    #[test]
    fn each_kind_of_change_is_said_as_one_would() {
        let digests = (Some("0123456789ab"), Some("ba9876543210"));
        let reasons = [
            Reason::NeverRan,
            Reason::Edited { paths: vec!["A.csv".into()] },
            change(Kind::Code, "helpers.clean", digests.0, digests.1),
            change(Kind::Code, "helpers.read", digests.0, digests.1),
            change(Kind::Code, "helpers.old", digests.0, None),
            change(Kind::Arg, "year", Some("2021"), Some("2022")),
            change(Kind::Arg, "long", Some("the same st…"), Some("the same st…")),
            change(Kind::Arg, "new", None, Some("1")),
            change(Kind::Env, "TZ", Some("UTC"), None),
            change(Kind::Interpreter, "R", Some("4.2"), Some("4.3")),
            change(Kind::Lockfile, "renv.lock:dplyr", Some("1.0"), Some("1.1")),
            change(Kind::Lockfile, "uv.lock", digests.0, digests.1),
            change(Kind::DepOutputs, "clean", digests.0, digests.1),
            change(Kind::Input, "data/a.csv", None, digests.1),
            change(Kind::Setting, "DATA_YEAR", Some("2021"), Some("2022")),
            change(Kind::Items, "", Some("50 items"), Some("51 items")),
        ];
        insta::assert_snapshot!(each(&reasons).join("\n"), @"
        never ran
        edited: A.csv
        code changed: helpers.clean, helpers.read
        code removed: helpers.old
        outputs of clean changed
        input added: data/a.csv
        arg year: 2021 -> 2022
        arg long changed
        arg new added: 1
        env TZ removed, was UTC
        R 4.2 -> 4.3
        dplyr 1.0 -> 1.1
        uv.lock changed
        DATA_YEAR: 2021 -> 2022
        list of items: 50 items -> 51 items
        ");
    }

    #[test]
    fn nothing_is_said_twice() {
        let failed = Reason::Failed { error: "2 of 50 items failed".into(), log: None };
        let items = |stale| Reason::Items { stale, total: 50, failed: 2 };
        assert_eq!(brief(&[failed.clone(), items(2)]), "2 of 50 items failed");
        assert_eq!(brief(&[failed, items(3)]), "2 of 50 items failed; 3 of 50 items stale, 2 failed");
        let upstream = Reason::Upstream { tasks: vec![] };
        assert_eq!(brief(&[Reason::NeverRan, upstream]), "never ran");
    }

    #[test]
    fn a_cell_gets_the_first_reasons_and_a_count() {
        let code = |name: &str| change(Kind::Code, name, Some("0123456789ab"), Some("ba9876543210"));
        let reasons: Vec<Reason> = (0..9)
            .map(|n| code(&format!("part{n}")))
            .chain([Reason::Forced, Reason::Items { stale: 312, total: 50_000, failed: 3 }])
            .chain([change(Kind::Arg, "a", Some("1"), Some("2"))])
            .collect();
        insta::assert_snapshot!(brief(&reasons), @"forced; 312 of 50,000 items stale, 3 failed; code changed: part0, part1, part2 and 6 more; 1 more reason");
    }
}
