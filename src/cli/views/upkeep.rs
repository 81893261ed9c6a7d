//! What `gc --remote` and `fsck --remote` did and found.

use crate::cli::paint::Tone;
use crate::cli::words;
use crate::ops::remotes::{RemoteFsckReport, RemoteGcReport};
use crate::store::Amount;

fn keys(amount: &Amount) -> String {
    format!("{} ({})", words::count(amount.objects, "key", "keys"), words::size(amount.bytes))
}

/// Returns what a collection did, or would do.
pub fn collected(report: &RemoteGcReport, now_ms: u64) -> String {
    let mut out = String::new();
    let mut line = |text: String| {
        out.push_str(&text);
        out.push('\n');
    };
    let would = if report.dry_run { "would be " } else { "" };
    if report.total.objects > 0 {
        line(format!("{} at {}", keys(&report.total), report.remote));
    }
    if report.deleted.objects > 0 {
        line(format!("{} {would}deleted", Tone::Strong.paint(keys(&report.deleted))));
    }
    if report.returned > 0 {
        let what = words::count(report.returned, "announced key", "announced keys");
        line(format!("{what} {would}kept: needed after all, or gone already"));
    }
    if report.announced.objects > 0 {
        line(format!("{} {would}announced", Tone::Strong.paint(keys(&report.announced))));
    }
    if report.repacked.objects > 0 {
        let what = words::count(report.repacked.objects, "object", "objects");
        let size = words::size(report.repacked.bytes);
        line(format!("{what} ({size}) {would}copied out of packs that are half empty"));
    }
    let done = report.deleted.objects + report.announced.objects + report.returned;
    if done == 0 && report.until_ms.is_none() {
        line("nothing to collect".to_owned());
    }
    if let Some(until_ms) = report.until_ms {
        let what = words::count(report.waiting, "announced key waits", "announced keys wait");
        let left = match until_ms.saturating_sub(now_ms) {
            0 => "its time is over".to_owned(),
            left => format!("{} left", words::duration(left)),
        };
        line(format!(
            "{what}, {left}; a later `kptn gc --remote {} --yes` deletes what nobody needs",
            report.remote
        ));
    }
    if report.dry_run && done > 0 {
        line(format!("this was a dry run: `kptn gc --remote {} --yes` does it", report.remote));
    }
    out
}

/// Returns what a check found.
pub fn checked(report: &RemoteFsckReport) -> String {
    let mut out: String =
        report.problems.iter().map(|problem| format!("{} {problem}\n", Tone::Bad.paint("error:"))).collect();
    let looked = if report.full { "every byte read" } else { "sizes looked at; `--full` reads every byte" };
    let found = match report.problems.len() as u64 {
        0 => "all whole".to_owned(),
        problems => words::count(problems, "problem", "problems"),
    };
    out.push_str(&format!(
        "{}: {}, {}, {} needed: {found} ({looked})\n",
        report.remote,
        words::count(report.branches, "branch", "branches"),
        words::count(report.records, "record", "records"),
        words::count(report.objects, "object", "objects"),
    ));
    if report.runs > 0 {
        let runs = words::count(report.runs, "run is open", "runs are open");
        out.push_str(&format!("{runs}: what was written for it stays until `kptn run close`\n"));
    }
    if report.unnamed.objects > 0 {
        let remote = &report.remote;
        out.push_str(&format!("{} that nothing names: `kptn gc --remote {remote}`\n", keys(&report.unnamed)));
    }
    if !report.problems.is_empty() {
        out.push_str(&format!(
            "{} `kptn push {remote} --repair` from a machine and branch that has it sends again what is lost; where \
             none has, `kptn run -f TASK` first\n",
            Tone::Strong.paint("what to do:"),
            remote = report.remote,
        ));
    }
    out
}
