//! `remotes` of `kptn.yaml`: names that people say, and what is behind each.
//!
//! Addresses are only looked at when a remote is used; that there is one, and
//! that it holds no secret, is seen here.

use indexmap::IndexMap;

use super::given::{Entries, Given};
use super::report::Report;
use super::shapes::Text;
use super::words::RemoteWords;
use crate::model::{BranchName, RemoteSettings};

/// Resolves all remotes, in the order written.
pub(super) fn resolve(words: Entries<RemoteWords>, report: &mut Report) -> IndexMap<String, RemoteSettings> {
    let mut remotes = IndexMap::new();
    for (name, given) in words.0 {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if name.text.is_empty() || !name.text.chars().all(plain) {
            let message = format!("`{}` is no name of a remote", name.text);
            report.error(Some(name.place), message).hint =
                Some("a name has letters, digits, `-`, `_` and `.`".into());
        }
        let words = given.value.unwrap_or_default();
        let Some(url) = text(&words.url) else {
            report
                .error(given.place.or(Some(name.place)), format!("the remote `{}` has no `url`", name.text))
                .hint = Some("write `{url: s3://bucket/prefix}` or `{url: file:///folder}`".into());
            continue;
        };
        if url.contains('@') {
            let message = "credentials do not belong in the address of a remote";
            report.error(words.url.place, message).hint =
                Some("set `profile`, or the environment; `kptn.yaml` is in git".into());
            continue;
        }
        let branch =
            text(&words.branch).and_then(|text| report.accept(words.branch.place, BranchName::parse(&text)));
        let settings = RemoteSettings {
            url,
            branch,
            writable: words.writable.value.unwrap_or(true),
            endpoint: text(&words.endpoint),
            region: text(&words.region),
            path_style: words.path_style.value,
            profile: text(&words.profile),
            refs: text(&words.refs),
        };
        remotes.insert(name.text, settings);
    }
    remotes
}

fn text(given: &Given<Text>) -> Option<String> {
    let text = given.value.as_ref()?.0.trim();
    (!text.is_empty()).then(|| text.to_owned())
}
