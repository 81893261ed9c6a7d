//! `fsck`: every object matches its digest, every record has its objects.

use super::report::FsckReport;
use super::{OpsError, Session};
use crate::model::{Digest, ItemTable, Record};
use crate::store::{Damage, Store};

/// Reads every object, then follows every record that some branch or the index names.
pub fn fsck(session: &Session) -> Result<FsckReport, OpsError> {
    let store = session.store()?;
    let objects = store.check_objects()?;
    let mut report = FsckReport { objects: objects.objects, ..FsckReport::default() };
    report.problems.extend(objects.damaged.iter().map(damaged));
    for digest in session.state()?.all_records()? {
        report.records += 1;
        report.problems.extend(record_problems(store, &digest)?);
    }
    Ok(report)
}

fn damaged(damage: &Damage) -> String {
    match damage.found {
        Some(found) => format!("object {} holds the bytes of {}", damage.digest, found.short()),
        None => format!("object {} cannot be read", damage.digest),
    }
}

fn record_problems(store: &Store, digest: &Digest) -> Result<Vec<String>, OpsError> {
    if !store.has(digest)? {
        return Ok(vec![format!("record {digest} is not in the store")]);
    }
    let record: Record = match store.load_json(digest) {
        Ok(record) => record,
        Err(error) => return Ok(vec![format!("record {digest} cannot be read: {error}")]),
    };
    let mut needed: Vec<(String, Digest)> = Vec::new();
    let mut need = |what: String, digest: Digest| needed.push((what, digest));
    for file in &record.outputs {
        need(format!("output `{}`", file.path), file.digest);
    }
    for (what, digest) in [("result", record.result), ("item table", record.items), ("log", record.log)] {
        if let Some(digest) = digest {
            need(what.to_owned(), digest);
        }
    }
    for part in &record.code {
        need(format!("code `{}`", part.name), part.source);
    }
    if let Some(items) = &record.items
        && let Ok(table) = store.load_json::<ItemTable>(items)
    {
        for item in table.items {
            for file in item.outputs {
                need(format!("output `{}`", file.path), file.digest);
            }
            if let Some(result) = item.result {
                need("an item's result".to_owned(), result);
            }
        }
    }
    let mut problems = Vec::new();
    for (what, object) in needed {
        if !store.has(&object)? {
            problems.push(format!(
                "{what} of `{}` (record {}) is not in the store",
                record.task,
                digest.short()
            ));
        }
    }
    Ok(problems)
}
