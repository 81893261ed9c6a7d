//! What AWS does to a stack, while it does it: a line for each resource that is done, and below them what is in the works.
//!
//! In a pipe there are the lines alone.

use std::collections::BTreeSet;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::paint::{Tone, harmless};
use super::printer::{Printer, Volume};
use super::{terminal, width, words};
use crate::aws::StackEvent;

const TICK: Duration = Duration::from_millis(200);
/// So many names fit below.
const SHOWN: usize = 3;

/// Shows it; one for one piece of work.
pub struct StackEvents<'a> {
    printer: &'a Printer,
    bar: Option<ProgressBar>,
    going: BTreeSet<String>,
    done: u64,
    all: u64,
}

impl<'a> StackEvents<'a> {
    /// Begins to show; `all` is how many resources are expected to change, 0 where that is not known.
    pub fn new(printer: &'a Printer, all: usize) -> Self {
        let shown = printer.volume > Volume::Quiet && !printer.json && terminal::stderr_is_terminal();
        let bar = shown.then(|| {
            let bar = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_msg}") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(TICK);
            bar
        });
        Self { printer, bar, going: BTreeSet::new(), done: 0, all: all as u64 }
    }

    /// Hears of an event.
    pub fn hear(&mut self, event: &StackEvent) {
        let own = event.kind == "AWS::CloudFormation::Stack";
        if event.status.ends_with("_IN_PROGRESS") {
            if own {
                self.line(&format!("{}  {}", Tone::Strong.paint(pad(&event.status)), event.name));
            } else {
                self.going.insert(event.name.clone());
            }
        } else {
            let new = self.going.remove(&event.name) || event.status.ends_with("_FAILED");
            if new && !own {
                self.done += 1;
                self.line(&line(event));
            }
        }
        if let Some(bar) = &self.bar {
            bar.set_message(self.below());
        }
    }

    fn below(&self) -> String {
        let names: Vec<&String> = self.going.iter().collect();
        let of = if self.all > 0 { format!(" of {}", self.all.max(self.done)) } else { String::new() };
        format!("{}{of}  {}", self.done, words::list(&names, SHOWN))
    }

    fn line(&self, text: &str) {
        match &self.bar {
            Some(bar) => {
                let text = if self.printer.colors_people() { text.to_owned() } else { width::strip(text) };
                bar.println(text);
            }
            None => self.printer.say(text),
        }
    }
}

impl Drop for StackEvents<'_> {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// How wide the words of AWS are.
fn pad(status: &str) -> String {
    width::pad(&status.to_lowercase().replace('_', " "), 20)
}

fn line(event: &StackEvent) -> String {
    let failed = event.status.ends_with("_FAILED");
    let tone = if failed { Tone::Bad } else { Tone::Good };
    let kind = Tone::Dim.paint(&event.kind);
    let reason = if failed && !event.reason.is_empty() {
        format!(": {}", harmless(&event.reason))
    } else {
        String::new()
    };
    format!("{}  {}  {kind}{reason}", tone.paint(pad(&event.status)), event.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::width::strip;

    #[test]
    fn a_line_says_what_became_of_a_resource_and_why_not() {
        let event = |status: &str, reason: &str| StackEvent {
            id: "1".into(),
            name: "Bucket".into(),
            kind: "AWS::S3::Bucket".into(),
            status: status.into(),
            reason: reason.into(),
        };
        assert_eq!(
            strip(&line(&event("CREATE_COMPLETE", ""))),
            "create complete       Bucket  AWS::S3::Bucket"
        );
        assert_eq!(
            strip(&line(&event("CREATE_FAILED", "taken"))),
            "create failed         Bucket  AWS::S3::Bucket: taken"
        );
    }
}
