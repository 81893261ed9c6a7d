//! `fsck`: every object matches its digest, every record has its objects.

use super::report::FsckReport;
use super::{OpsError, Session};
use crate::model::{Digest, Record};
use crate::state::{Hidden, ItemTableError, Need, Reach};
use crate::store::{Damage, Store, StoreError};

/// Reads every object, then follows every record that some branch or the index names.
pub fn fsck(session: &Session) -> Result<FsckReport, OpsError> {
    let store = session.store()?;
    let objects = store.check_objects()?;
    let mut report = FsckReport { objects: objects.objects, ..FsckReport::default() };
    report.problems.extend(objects.damaged.iter().map(damaged));
    let mut reach = Reach::new(store);
    for digest in session.state()?.roots(None)?.records.into_keys() {
        report.records += 1;
        report.problems.extend(record_problems(store, &mut reach, &digest)?);
    }
    Ok(report)
}

fn damaged(damage: &Damage) -> String {
    match damage.found {
        Some(found) => format!("object {} holds the bytes of {}", damage.digest, found.short()),
        None => format!("object {} cannot be read", damage.digest),
    }
}

fn record_problems(store: &Store, reach: &mut Reach<'_>, record: &Digest) -> Result<Vec<String>, OpsError> {
    let mut problems = Vec::new();
    let mut trouble = None;
    let hidden = reach.follow(record, &mut |need, object| match store.has(&object) {
        Ok(true) => {}
        Ok(false) => problems.push(match need {
            Need::Record => format!("record {record} is not in the store"),
            need => format!("{} of {} is not in the store", named(need), owner(store, record)),
        }),
        Err(error) => trouble = Some(error),
    });
    if let Some(error) = trouble {
        return Err(error.into());
    }
    // What is absent is named already.
    let hidden = hidden.iter().filter(|hidden| !is_absence(hidden));
    problems.extend(hidden.map(|hidden| format!("{} cannot be read whole: {hidden}", owner(store, record))));
    Ok(problems)
}

/// Returns how people know a record: by its task, where it can be read.
fn owner(store: &Store, record: &Digest) -> String {
    match store.load_json::<Record>(record) {
        Ok(read) => format!("`{}` (record {})", read.task, record.short()),
        Err(_) => format!("record {record}"),
    }
}

fn is_absence(hidden: &Hidden) -> bool {
    matches!(
        hidden,
        Hidden::Store(StoreError::Absent { .. })
            | Hidden::Items(ItemTableError::Store(StoreError::Absent { .. }))
    )
}

fn named(need: Need<'_>) -> String {
    match need {
        Need::Record => "the text".to_owned(),
        Need::Output(file) => format!("output `{}`", file.path),
        Need::Result => "a result".to_owned(),
        Need::Log => "the log".to_owned(),
        Need::Code(name) => format!("code `{name}`"),
        Need::ShardList => "the item table".to_owned(),
        Need::ItemShard => "a part of the item table".to_owned(),
    }
}
