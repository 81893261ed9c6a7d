//! `kptn doctor`: what was looked at, how it is, and what to do about it.

use crate::cli::paint::Tone;
use crate::cli::table::{Cell, Side, Table};
use crate::cli::words;
use crate::ops::report::{Finding, Health};

/// Returns the whole text.
pub fn text(findings: &[Finding], width: usize) -> String {
    let mut table = Table::new([("", Side::Left), ("", Side::Left), ("", Side::Left)]);
    for finding in findings {
        let (tone, word) = health(finding.health);
        let hint = finding.hint.as_ref().map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
        let found = format!("{}{hint}", finding.found);
        table.row([Cell::new(tone, word), Cell::new(Tone::Strong, finding.what.as_str()), found.into()]);
    }
    let bad = |health| findings.iter().filter(|finding| finding.health == health).count() as u64;
    let closing = match (bad(Health::Bad), bad(Health::Warning)) {
        (0, 0) => "everything is as it should be".to_owned(),
        (errors, warnings) => {
            let parts = [(errors, "error", "errors"), (warnings, "warning", "warnings")];
            let parts = parts.iter().filter(|(n, _, _)| *n > 0);
            parts.map(|(n, one, many)| words::count(*n, one, many)).collect::<Vec<_>>().join(", ")
        }
    };
    format!("{}\n{closing}\n", table.render(width))
}

fn health(health: Health) -> (Tone, &'static str) {
    match health {
        Health::Good => (Tone::Good, "ok"),
        Health::Warning => (Tone::Warn, "warning"),
        Health::Bad => (Tone::Bad, "error"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::width::strip;

    #[test]
    fn says_what_to_do_below_what_was_found() {
        let finding = |what: &str, found: &str, health, hint: Option<&str>| Finding {
            what: what.into(),
            found: found.into(),
            health,
            hint: hint.map(str::to_owned),
        };
        let findings = [
            finding("python", "3.11.7 at /usr/bin/python3", Health::Good, None),
            finding(
                "R",
                "not found, and 3 tasks need it",
                Health::Bad,
                Some("install it, or set `settings.rscript`"),
            ),
        ];
        insta::assert_snapshot!(strip(&text(&findings, 60)), @"
        ok     python  3.11.7 at /usr/bin/python3
        error  R       not found, and 3 tasks need it
                       hint: install it, or set `settings.rscript`

        1 error
        ");
    }
}
