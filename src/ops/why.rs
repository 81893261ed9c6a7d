//! `why TASK`: every reason, and the code that changed.

use std::collections::{BTreeMap, BTreeSet};

use super::items::{self, Addressed};
use super::probes::Probing;
use super::report::{CodeHunk, Compared, StatusRow, WhyReport};
use super::status::row;
use super::survey::{Question, Survey};
use super::{OpsError, Session, memo, why_item};
use crate::fingerprint::Gathered;
use crate::model::{CodePart, Digest, Force, Ingredient, IngredientKind, Reason, Record, TaskName};
use crate::plan::{Decision, Known};
use crate::store::Store;

/// Explains one task, or one item of it; compares with the branch's record, else with the latest one of any branch.
pub fn why(session: &Session, graph: Option<String>, task: &str) -> Result<WhyReport, OpsError> {
    let Addressed { graph, task, item } = items::address(session, graph, task)?;
    let name = task.name.clone();
    let memo = memo::open(session)?;
    let mut survey =
        Survey::of(session, &memo, &Question { graph, probing: Probing::Believe, force: &|_| Force::No })?;
    survey.look_for_promotable(session, &memo)?;
    memo::save(&memo);
    let (Some(row), Some(decision), Some(gathered)) =
        (row(&survey, &name), survey.decisions.get(&name), survey.gathered.get(&name))
    else {
        return Err(super::unknown_task(session, name.as_str()));
    };
    let mut report = whole(session, &survey, decision, gathered, row)?;
    if let Some(item) = item {
        let found = items::find_item(&survey.known, graph, task, &item)?;
        let verdict = why_item::judge(&survey, task, decision, &found);
        report.row.status = verdict.status;
        report.row.reasons = verdict.reasons;
        report.row.made_ms =
            found.record.as_ref().map(|record| record.timing.started_ms + record.timing.wall_ms);
        report.row.absent = 0;
        report.fingerprint = verdict.fingerprint.map(|fingerprint| fingerprint.0.to_string());
        let why_accepted = found.record.as_ref().and_then(|record| record.accepted.clone());
        report.compared_with = report
            .compared_with
            .zip(report.row.made_ms)
            .map(|(compared, made_ms)| Compared { made_ms, accepted: why_accepted, ..compared });
        if !report.row.reasons.iter().any(is_code) {
            report.hunks.clear();
        }
        report.item = Some(found.label);
    }
    Ok(report)
}

fn is_code(reason: &Reason) -> bool {
    matches!(reason, Reason::Changed(change) if change.kind == IngredientKind::Code)
}

fn whole(
    session: &Session,
    survey: &Survey<'_>,
    decision: &Decision,
    gathered: &Gathered,
    row: StatusRow,
) -> Result<WhyReport, OpsError> {
    let name = row.task.clone();
    let record = survey.known.current(&name);
    let hunks = match &record {
        Some(record) => code_hunks(session.store()?, &record.code, &gathered.code),
        None => Vec::new(),
    };
    Ok(WhyReport {
        item: None,
        row,
        fingerprint: decision.fingerprint.map(|fingerprint| fingerprint.0.to_string()),
        compared_with: match record.as_deref() {
            Some(record) => Some(compared(session, survey, &name, record)?),
            None => None,
        },
        hunks,
        ingredients: decision.ingredients.iter().map(described).collect(),
    })
}

fn compared(
    session: &Session,
    survey: &Survey<'_>,
    task: &TaskName,
    record: &Record,
) -> Result<Compared, OpsError> {
    let digest = survey.known.current_digest(task).unwrap_or_else(|| Digest::of(b""));
    let attested = session.state()?.attestations(&digest)?.pop();
    let promoted = session.state()?.promotions(&session.key.project, &digest)?.pop();
    Ok(Compared {
        record: digest.to_string(),
        run: record.run.clone(),
        made_ms: record.timing.started_ms + record.timing.wall_ms,
        branch: record.provenance.branch.clone(),
        commit: record.provenance.commit.clone(),
        attested: attested.map(|one| one.commit),
        user: record.provenance.user.clone(),
        accepted: record.accepted.clone(),
        promoted,
        deferred: record.deferred.clone(),
    })
}

fn described(ingredient: &Ingredient) -> (String, Option<String>) {
    let kind = super::kind_word(ingredient.kind);
    let name =
        if ingredient.name.is_empty() { kind.to_owned() } else { format!("{kind} {}", ingredient.name) };
    (name, ingredient.shown.clone())
}

/// Pairs the parts of two codes by name, and keeps those that differ.
fn code_hunks(store: &Store, before: &[CodePart], now: &[CodePart]) -> Vec<CodeHunk> {
    let by_name = |parts: &[CodePart]| -> BTreeMap<String, CodePart> {
        parts.iter().map(|part| (part.name.clone(), part.clone())).collect()
    };
    let (old, new) = (by_name(before), by_name(now));
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    names
        .into_iter()
        .filter(|name| old.get(*name).map(|part| part.digest) != new.get(*name).map(|part| part.digest))
        .filter_map(|name| {
            let (was, is) = (old.get(name), new.get(name));
            let place = is.or(was)?;
            Some(CodeHunk {
                part: name.clone(),
                file: place.file.clone(),
                line: place.line,
                before: was.and_then(|part| text_of(store, part)),
                after: is.map(|part| part.text.to_string()),
            })
        })
        .collect()
}

fn text_of(store: &Store, part: &CodePart) -> Option<String> {
    let bytes = store.get(&part.source).ok()??;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}
