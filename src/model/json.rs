//! Canonical JSON: one value, one spelling.
//!
//! Keys sorted by their bytes, no white space, numbers as `serde_json` prints
//! them. Objects in the store are written this way, so equal values have equal
//! digests.

use serde::Serialize;

/// Returns the canonical JSON of `value`.
///
/// # Panics
/// Never for kptn's own types: their keys are strings and their numbers finite.
pub fn canonical_json<T: Serialize>(value: &T) -> Vec<u8> {
    // `serde_json::Value` keeps maps sorted, so going through it sorts the keys.
    let value = serde_json::to_value(value);
    #[expect(clippy::expect_used, reason = "every type that is stored has string keys and finite numbers")]
    let value = value.expect("a stored type is always JSON");
    value.to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_sorted_and_nothing_is_padded() {
        let value = serde_json::json!({"b": [1, 2.5, "x"], "a": null});
        assert_eq!(canonical_json(&value), br#"{"a":null,"b":[1,2.5,"x"]}"#);
    }
}
