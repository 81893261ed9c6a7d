//! How outputs compare with those before, in words that fit.

use crate::cli::width::{cells, cut_start};
use crate::cli::words;
use crate::model::{OutputChange, OutputComparison};

/// Returns the comparison in at most `room` cells where that can be; files are
/// named as long as they fit, the rest are counted. Empty where the task leaves nothing.
pub fn outputs(found: &OutputComparison, room: usize) -> String {
    let (head, named) = summary(found);
    if !named || found.changed.is_empty() {
        return head;
    }
    let files: Vec<String> = found.changed.iter().map(|change| file(change, found.had_before)).collect();
    for shown in (1..=files.len().min(3)).rev() {
        let text = format!("{head} ({})", words::list(&files[..], shown));
        if cells(&text) <= room {
            return text;
        }
    }
    head
}

fn summary(found: &OutputComparison) -> (String, bool) {
    let files = |n: u64| words::count(n, "file", "files");
    let result = match found.result_changed {
        Some(true) => "result changed",
        Some(false) => "result unchanged",
        None => "",
    };
    let gone = found.changed.iter().filter(|change| change.after.is_none()).count() as u64;
    let changed = found.changed.len() as u64;
    let (text, named) = match (found.had_before, found.files + gone, changed) {
        (_, 0, _) => return (result.to_owned(), false),
        (false, total, _) => (files(total), true),
        (true, _, 0) if found.result_changed == Some(true) => ("files unchanged".to_owned(), false),
        (true, _, 0) => return ("outputs unchanged".to_owned(), false),
        (true, 1, 1) => ("1 file changed".to_owned(), true),
        (true, total, changed) => (format!("{} of {} changed", words::number(changed), files(total)), true),
    };
    if found.result_changed == Some(true) { (format!("{result}, {text}"), named) } else { (text, named) }
}

fn file(change: &OutputChange, had_before: bool) -> String {
    let path = cut_start(&change.path, 40);
    match (change.before, change.after) {
        (None, None) => path,
        (None, Some(size)) if had_before => format!("{path} new, {}", words::size(size)),
        (None, Some(size)) => format!("{path} {}", words::size(size)),
        (Some(_), None) => format!("{path} gone"),
        (Some(before), Some(after)) => format!("{path} {}", words::size_change(before, after)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(path: &str, before: Option<u64>, after: Option<u64>) -> OutputChange {
        OutputChange { path: path.into(), before, after }
    }

    fn comparison(files: u64, changed: Vec<OutputChange>) -> OutputComparison {
        OutputComparison { files, changed, had_before: true, result_changed: None }
    }

    #[test]
    fn names_what_changed_as_far_as_there_is_room() {
        let found = comparison(
            3,
            vec![
                change("A.csv", Some(1_200_000), Some(1_300_000)),
                change("b.csv", None, Some(90)),
                change("old.csv", Some(5), None),
            ],
        );
        insta::assert_snapshot!(outputs(&found, 100), @"3 of 4 files changed (A.csv 1.2 -> 1.3 MB, b.csv new, 90 B, old.csv gone)");
        insta::assert_snapshot!(outputs(&found, 60), @"3 of 4 files changed (A.csv 1.2 -> 1.3 MB and 2 more)");
        insta::assert_snapshot!(outputs(&found, 20), @"3 of 4 files changed");
    }

    #[test]
    fn says_what_stayed_as_it_was() {
        let same = comparison(3, vec![]);
        assert_eq!(outputs(&same, 80), "outputs unchanged");
        let result = OutputComparison { result_changed: Some(true), ..same.clone() };
        assert_eq!(outputs(&result, 80), "result changed, files unchanged");
        let only = OutputComparison { files: 0, result_changed: Some(false), ..same };
        assert_eq!(outputs(&only, 80), "result unchanged");
        assert_eq!(outputs(&comparison(0, vec![]), 80), "");
    }

    #[test]
    fn a_first_run_counts_what_it_made() {
        let first = OutputComparison {
            had_before: false,
            ..comparison(1, vec![change("A.csv", None, Some(1_200_000))])
        };
        assert_eq!(outputs(&first, 80), "1 file (A.csv 1.2 MB)");
    }
}
