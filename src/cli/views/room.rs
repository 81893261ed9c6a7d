//! What takes room, and what makes some: `du`, `gc`, `clean`.

use crate::cli::paint::Tone;
use crate::cli::table::{Cell, Side, Table};
use crate::cli::words;
use crate::ops::report::{CleanReport, DuReport, GcReport, GoneBranch, RoomRow, TrashRow};
use crate::store::Amount;

/// Returns what a collection did, or would do.
pub fn collected(report: &GcReport, now_ms: u64) -> String {
    let mut out = String::new();
    let mut line = |text: String| {
        out.push_str(&text);
        out.push('\n');
    };
    line(format!("{} in the store, {} needed", amount(&report.total), words::size(report.needed.bytes)));
    let would = |word: &str, done: &str| if report.dry_run { word.to_owned() } else { done.to_owned() };
    if report.aside.objects > 0 {
        let records = match report.records {
            0 => String::new(),
            records => {
                format!(", {} among them", words::count(records, "record of a task", "records of tasks"))
            }
        };
        let verb = would("would be put into the trash", "put into the trash");
        line(format!("{} {verb}{records}", Tone::Strong.paint(amount(&report.aside))));
    }
    if report.runs.objects > 0 {
        let runs = words::count(report.runs.objects, "folder of an old run", "folders of old runs");
        let verb = would("would be put into the trash", "put into the trash");
        line(format!("{runs} ({}) {verb}", words::size(report.runs.bytes)));
    }
    if report.damaged.objects > 0 {
        let verb = would("would be deleted", "deleted");
        line(format!("{} {verb} that were set aside as damaged", amount(&report.damaged)));
    }
    if report.deleted.objects > 0 {
        let verb = would("would be deleted from the trash", "deleted from the trash");
        line(format!("{} {verb}", Tone::Strong.paint(amount(&report.deleted))));
    }
    if report.returned.objects > 0 {
        let verb = would("would come back out of the trash", "came back out of the trash");
        line(format!("{} {verb}: needed after all", amount(&report.returned)));
    }
    let amounts = [&report.aside, &report.deleted, &report.runs, &report.damaged];
    let collected: u64 = amounts.iter().map(|amount| amount.objects).sum();
    if collected == 0 {
        line("nothing to collect".to_owned());
    }
    for row in &report.trash {
        line(trash(row, now_ms));
    }
    if report.held_back {
        line("what is older waits for a kptn that has been running since before it was put there".to_owned());
    }
    if let Some(over) = report.over_bytes.filter(|over| *over > 0) {
        let keep = words::duration(report.keep_ms);
        line(format!(
            "{} more than allowed is needed by branches, tags and operations of the last {keep}",
            words::size(over)
        ));
    }
    for gone in &report.gone {
        line(branch(gone, now_ms));
    }
    if report.dry_run && collected > 0 {
        line("this was a dry run: `kptn gc --yes` does it".to_owned());
    } else if let Some(operation) = report.operation
        && report.aside.objects + report.runs.objects > 0
    {
        let grace = words::duration(report.grace_ms);
        line(format!(
            "`kptn undo {operation}` brings it back; a `kptn gc --yes` from {grace} on deletes it for good"
        ));
    }
    out
}

fn amount(amount: &Amount) -> String {
    format!("{} ({})", words::count(amount.objects, "object", "objects"), words::size(amount.bytes))
}

fn trash(row: &TrashRow, now_ms: u64) -> String {
    let left = match row.until_ms.checked_sub(now_ms) {
        Some(left) if left > 0 => format!("{} left", words::duration(left)),
        _ => "its time is over".to_owned(),
    };
    format!("in the trash: {}, {left}", amount(&row.amount))
}

fn branch(gone: &GoneBranch, now_ms: u64) -> String {
    format!(
        "git has had no `{0}` since {1}: `kptn branch delete {0}` lets its state go",
        gone.branch,
        words::age(now_ms.saturating_sub(gone.gone_ms))
    )
}

/// Returns what takes room.
pub fn measured(report: &DuReport, width: usize) -> String {
    let mut out = table("branch", &report.branches, width);
    if !report.tasks.is_empty() {
        out.push('\n');
        out.push_str(&format!("tasks of {}\n", report.branch));
        out.push_str(&table("task", &report.tasks, width));
    }
    out.push('\n');
    let mut sum = Table::new([("in the store", Side::Left), ("objects", Side::Right), ("size", Side::Right)]);
    for (name, part) in [
        ("what branches have, each once", &report.on_branches),
        ("more for tags, runs and undo", &report.kept),
        ("not needed: `kptn gc`", &report.unneeded),
        ("in the trash", &report.trash),
        ("logs and plans of runs", &report.runs),
    ] {
        sum.row([name.into(), words::number(part.objects).into(), words::size(part.bytes).into()]);
    }
    out.push_str(&sum.render(width));
    out
}

fn table(what: &'static str, rows: &[RoomRow], width: usize) -> String {
    let mut table = Table::new([
        (what, Side::Left),
        ("objects", Side::Right),
        ("own", Side::Right),
        ("shared", Side::Right),
    ]);
    for row in rows {
        let tone = if row.current { Tone::Strong } else { Tone::Plain };
        table.row([
            Cell::new(tone, &row.name),
            words::number(row.objects).into(),
            words::size(row.own_bytes).into(),
            words::size(row.shared_bytes).into(),
        ]);
    }
    table.render(width)
}

/// How many names of files are shown.
const SHOWN: usize = 20;

/// Returns what a clean did, or would do.
pub fn cleaned(report: &CleanReport) -> String {
    let mut out = String::new();
    for (word, files) in [("edited", &report.edited), ("unknown", &report.unknown)] {
        for file in files.iter().take(SHOWN) {
            out.push_str(&format!("{} {file}: {word}\n", Tone::Warn.paint("stays")));
        }
        if files.len() > SHOWN {
            let more = words::count((files.len() - SHOWN) as u64, "more file", "more files");
            out.push_str(&format!("and {more}: {word}\n"));
        }
    }
    let verb = if report.dry_run { "would be removed" } else { "removed" };
    let files = words::count(report.removed.len() as u64, "file", "files");
    let folder = report.folder.display();
    out.push_str(&format!("{files} ({}) {verb} from {folder}\n", words::size(report.bytes)));
    if !report.removed.is_empty() && !report.dry_run {
        out.push_str(super::branch::HOW_FILES_COME);
    }
    out
}
