//! `kptn invalidate`: what is bad from now on.

use crate::cli::paint::{Tone, harmless};
use crate::cli::words;
use crate::ops::remotes::{InvalidateReport, MarkedRecord};

/// Returns the whole text.
pub fn text(report: &InvalidateReport, now_ms: u64) -> String {
    let mut out: String = report.marked.iter().map(|one| line(one, now_ms)).collect();
    out.push_str(&match &report.remote {
        Some(remote) => {
            format!(
                "whoever pulls {remote} ({}) has that too; `kptn undo` takes it back here\n",
                report.branch
            )
        }
        None => {
            format!("the next `kptn push` tells others; `kptn undo {}` takes it back\n", report.operation)
        }
    });
    out
}

fn line(one: &MarkedRecord, now_ms: u64) -> String {
    let name = match &one.item {
        Some(item) => format!("{}[{}]", one.task, harmless(item)),
        None => one.task.to_string(),
    };
    let (age, user) = (words::age(now_ms.saturating_sub(one.made_ms)), harmless(&one.user));
    format!("{} {name}: what {user} made {age} (record {})\n", Tone::Warn.paint("bad"), one.record.short())
}
