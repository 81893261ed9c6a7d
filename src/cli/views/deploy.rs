//! What `deploy aws` would do, and did.

use similar::{ChangeTag, TextDiff};

use super::files;
use crate::aws::{Action, Change, Outputs, Stack};
use crate::cli::paint::{Tone, harmless};
use crate::cli::table::{Cell, Side, Table, pairs};
use crate::cli::words;
use crate::ops::deploy::aws::{
    Deployment, ImagePlan, MachineText, Named, Parameter, Removal, Source, Written,
};

/// Returns who deploys what to where.
pub fn heading(deployment: &Deployment<'_>, stack: Option<&Stack>, width: usize) -> String {
    let identity = &deployment.identity;
    let state = stack.map_or("new".to_owned(), |stack| stack.status.clone());
    let rows = [
        ("account", format!("{} ({})", identity.account, identity.arn)),
        ("region", deployment.aws.region().to_owned()),
        ("stack", format!("{} ({state})", deployment.stack)),
    ];
    pairs(&rows.map(|(name, text)| (name.to_owned(), text)), width)
}

/// Returns the parameters that are not as the template has them.
pub fn parameters(parameters: &[Parameter], width: usize) -> String {
    let mut table = Table::new([("parameter", Side::Left), ("value", Side::Left), ("", Side::Left)]);
    let mut rows = 0;
    for one in parameters.iter().filter(|one| one.source != Source::Default) {
        let from = match (&one.before, one.source) {
            (Some(before), _) if before.is_empty() => "it was empty".to_owned(),
            (Some(before), _) => format!("it was {before}"),
            (None, Source::Before) => "as before".to_owned(),
            (None, _) => String::new(),
        };
        let tone = if one.before.is_some() { Tone::Warn } else { Tone::Plain };
        table.row([one.name.as_str().into(), Cell::new(tone, harmless(&one.value).to_string()), from.into()]);
        rows += 1;
    }
    if rows == 0 { String::new() } else { table.render(width) }
}

/// Returns what would become of the stack's resources.
pub fn changes(changes: &[Change], width: usize) -> String {
    let mut table = Table::new([("", Side::Left), ("resource", Side::Left), ("kind", Side::Left)]);
    let mut sorted: Vec<&Change> = changes.iter().collect();
    sorted.sort_by_key(|change| change.action);
    for change in sorted {
        let (tone, word) = match change.action {
            Action::Add => (Tone::Good, "new"),
            Action::Modify => (Tone::Plain, "changed"),
            Action::Replace => (Tone::Warn, "REPLACED"),
            Action::MayReplace => (Tone::Warn, "may be REPLACED"),
            Action::Remove => (Tone::Bad, "REMOVED"),
        };
        table.row([Cell::new(tone, word), change.name.as_str().into(), change.kind.as_str().into()]);
    }
    if changes.is_empty() { String::new() } else { table.render(width) }
}

/// Returns what goes into the bucket.
pub fn uploads(machines: &[&MachineText], bucket: &str) -> String {
    let line = |one: &&MachineText| format!("{} s3://{bucket}/{}\n", Tone::Good.paint("upload"), one.key);
    machines.iter().map(line).collect()
}

/// Returns the calls of Docker.
pub fn image(plan: &ImagePlan) -> String {
    let calls = [&plan.build, &plan.login, &plan.push];
    match plan.build {
        None => format!("{} {} is there already\n", Tone::Good.paint("image"), plan.address),
        Some(_) => calls.into_iter().flatten().map(|call| files::command(call) + "\n").collect(),
    }
}

/// Returns what changes in `kptn.yaml`, line by line.
pub fn written(written: &Written) -> String {
    let mut out = String::new();
    if let Some(after) = &written.after {
        for change in TextDiff::from_lines(&written.before, after).iter_all_changes() {
            let line = harmless(change.value().trim_end_matches(['\r', '\n']));
            match change.tag() {
                ChangeTag::Delete => {
                    out.push_str(&format!("kptn.yaml  {}\n", Tone::Bad.paint(format!("- {line}"))))
                }
                ChangeTag::Insert => {
                    out.push_str(&format!("kptn.yaml  {}\n", Tone::Good.paint(format!("+ {line}"))))
                }
                ChangeTag::Equal => {}
            }
        }
    }
    out
}

/// Returns what a person has to know of `kptn.yaml`, or to put into it.
pub fn left_to_people(written: &Written) -> String {
    let note = Tone::Warn.paint("note:");
    let mut out: String = written.notes.iter().map(|text| format!("{note} {text}\n")).collect();
    if !written.by_hand.is_empty() {
        out.push_str(&format!(
            "{note} kptn.yaml is of a form that cannot be added to safely; put this into it:\n"
        ));
        out.extend(written.by_hand.iter().map(String::as_str));
    }
    out
}

/// Returns what one does with a stack.
pub fn what_now(written: &Written) -> String {
    let pull = format!("`kptn pull {}` brings what it made", written.remote);
    match written.named {
        Named::This => format!("`kptn run --runner stepfunctions` runs there, {pull}"),
        Named::Another => format!("{pull}; `settings.aws` in kptn.yaml names another stack, where runs go"),
        Named::None => {
            format!("with the lines above in kptn.yaml `kptn run --runner stepfunctions` runs there; {pull}")
        }
    }
}

/// Returns what the stack has made.
pub fn outputs(outputs: &Outputs, width: usize) -> String {
    let rows: Vec<(String, String)> =
        outputs.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    pairs(&rows, width)
}

/// Returns what goes and what stays.
pub fn removal(removal: &Removal, width: usize) -> String {
    let mut table = Table::new([("", Side::Left), ("resource", Side::Left), ("kind", Side::Left)]);
    for (name, kind) in &removal.goes {
        table.row([Cell::new(Tone::Bad, "goes"), name.as_str().into(), kind.as_str().into()]);
    }
    let mut out = if removal.goes.is_empty() { String::new() } else { table.render(width) };
    if let Some(bucket) = &removal.bucket {
        let stays = Tone::Good.paint("stays");
        let remote = removal.remote.as_deref().unwrap_or_default();
        out.push_str(&format!(
            "{stays} the bucket {bucket} with all that is in it; {remote} can be pulled from as before\n"
        ));
    }
    if !removal.running.is_empty() {
        let runs = words::count(
            removal.running.len() as u64,
            "run that is going on is",
            "runs that are going on are",
        );
        out.push_str(&format!("{} {runs} stopped first\n", Tone::Warn.paint("note:")));
    }
    out
}
