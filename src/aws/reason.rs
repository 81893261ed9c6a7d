//! Why a request did not come to an answer, in one line.

use std::error::Error;

use aws_credential_types::provider::error::CredentialsError;

/// Wrappers, which say nothing of what is wrong.
const EMPTY: [&str; 5] =
    ["dispatch failure", "failed to construct request", "other", "io error", "request has timed out"];

/// Returns what an error and its causes say, each once, the nearest first.
pub(super) fn of(error: &(dyn Error + 'static)) -> String {
    let mut said: Vec<String> = Vec::new();
    for cause in chain(error) {
        let text = cause.to_string();
        let text = text.trim_end_matches('.');
        if EMPTY.contains(&text) || said.iter().any(|earlier| earlier.contains(text)) {
            continue;
        }
        said.push(text.to_owned());
    }
    if said.is_empty() { error.to_string() } else { said.join(": ") }
}

/// Returns why there are no credentials; absent where it is something else.
pub(super) fn of_credentials(error: &(dyn Error + 'static)) -> Option<String> {
    let found = chain(error).find_map(|cause| cause.downcast_ref::<CredentialsError>())?;
    // It says that they could not be loaded; what it stands for says why.
    Some(found.source().map_or_else(|| found.to_string(), of))
}

fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error: &&'a (dyn Error + 'static)| (*error).source())
}
