//! Names of states and jobs: what AWS takes, and no two alike.

use crate::model::Digest;

/// The most characters of a state's name.
const LONGEST_STATE: usize = 80;
/// The most characters of a job's name.
const LONGEST_JOB: usize = 128;

/// Returns the name of a state of a task; its own where `what` is empty.
///
/// No task's name holds a `:`, so none is another one's state.
pub fn state(task: &str, what: &str) -> String {
    let whole = if what.is_empty() { task.to_owned() } else { format!("{task}: {what}") };
    if whole.chars().count() <= LONGEST_STATE {
        return whole;
    }
    let digest = Digest::of(whole.as_bytes()).to_string();
    let kept: String = whole.chars().take(LONGEST_STATE - 13).collect();
    format!("{kept}~{}", &digest[..12])
}

/// Returns a name for a Batch job, which people see in lists: ASCII letters, digits, `-` and `_`.
pub fn job(graph: &str, what: &str) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' };
    let name: String = format!("kptn-{graph}-{what}").chars().map(safe).take(LONGEST_JOB).collect();
    name
}

/// Returns a text as a tag's value may be: at most 256 of its characters, others as `-`.
pub fn tag(text: &str) -> String {
    let safe = |c: char| if c.is_alphanumeric() || " _.:/=+-@".contains(c) { c } else { '-' };
    text.chars().map(safe).take(256).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_stay_apart_and_fit() {
        assert_eq!(state("fit", ""), "fit");
        assert_eq!(state("fit", "token"), "fit: token");
        let (one, other) = (state(&"é".repeat(100), "send"), state(&"é".repeat(100), "token"));
        assert_ne!(one, other);
        assert_eq!(one.chars().count(), 80);
        assert_eq!(job("my graph", "été"), "kptn-my-graph--t-");
        assert_eq!(tag("a $x, été"), "a -x- été");
    }
}
