//! Which known name a mistyped one was probably meant to be.

/// Returns the one of `names` that `text` was probably meant to be; absent where none is near.
pub fn nearest_name<'a>(text: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = text.to_lowercase();
    // One letter has no near name but its other case.
    let length = wanted.chars().count();
    let allowed = if length < 2 { 0 } else { (length / 3).clamp(1, 3) };
    let candidates = names.into_iter().filter(|name| name.len().abs_diff(text.len()) <= 2 * allowed.max(1));
    let distances = candidates.map(|name| (strsim::damerau_levenshtein(&wanted, &name.to_lowercase()), name));
    distances
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_name_is_a_typo_away_and_no_further() {
        let names = ["outputs", "inputs", "a", "US_STATE"];
        assert_eq!(nearest_name("outptus", names), Some("outputs"));
        assert_eq!(nearest_name("us_state", names), Some("US_STATE"));
        assert_eq!(nearest_name("A", names), Some("a"));
        assert_eq!(nearest_name("b", names), None);
        assert_eq!(nearest_name("file", names), None);
    }
}
