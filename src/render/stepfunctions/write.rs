//! A machine as text: JSON with a line for each state, so that a change shows as the states that changed.

use serde::Serialize;

use super::state::{Piece, State};

/// Returns the text of a whole machine; `comment` is its first field, as JSON spells it.
pub fn machine(piece: &Piece, comment: &str, seconds: u64) -> String {
    let whole = text(piece, 0);
    let rest = whole.strip_prefix('{').unwrap_or(&whole);
    format!("{{\n  \"Comment\": \"{comment}\",\n  \"TimeoutSeconds\": {seconds},{rest}\n")
}

/// Returns states as JSON that stands `depth` steps in.
pub fn text(piece: &Piece, depth: usize) -> String {
    let inner = "  ".repeat(depth + 1);
    let states: Vec<String> = piece
        .states
        .iter()
        .map(|(name, state)| format!("{inner}  {}: {}", compact(name), of_state(state, depth + 2)))
        .collect();
    format!(
        "{{\n{inner}\"StartAt\": {},\n{inner}\"States\": {{\n{}\n{inner}}}\n{}}}",
        compact(&piece.start_at),
        states.join(",\n"),
        "  ".repeat(depth),
    )
}

fn of_state(state: &State, depth: usize) -> String {
    if state.branches.is_empty() {
        return compact(state);
    }
    let inner = "  ".repeat(depth + 1);
    let branches: Vec<String> =
        state.branches.iter().map(|piece| format!("{inner}{}", text(piece, depth + 1))).collect();
    let rest = compact(&State { branches: Vec::new(), ..state.clone() });
    let rest = rest.strip_suffix('}').unwrap_or(&rest);
    format!("{rest},\"Branches\":[\n{}\n{}]}}", branches.join(",\n"), "  ".repeat(depth))
}

fn compact<T: Serialize + ?Sized>(value: &T) -> String {
    // Only maps whose keys are no texts and broken writers fail, and there are none here.
    serde_json::to_string(value).unwrap_or_default()
}
