//! Numbers, times, sizes and ages in words.
//!
//! One spelling for each in the whole program: `3.1 s`, `2 min 5 s`, `1.2 kB`,
//! `50,000 items`, `3 hours ago`. All are given values; none asks the clock.

use super::width::{cells, wrap};

/// Returns a number with commas between thousands: `50,000`.
pub fn number(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Returns a number and its noun in the right form: `1 task`, `2,000 tasks`.
pub fn count(n: u64, one: &str, many: &str) -> String {
    format!("{} {}", number(n), if n == 1 { one } else { many })
}

/// Returns a list for a sentence, cut after `most`: `a, b and 3 more`.
pub fn list<T: AsRef<str>>(names: &[T], most: usize) -> String {
    let shown = |names: &[T]| names.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(", ");
    if names.len() <= most {
        shown(names)
    } else {
        format!("{} and {} more", shown(&names[..most]), number((names.len() - most) as u64))
    }
}

/// Returns facts with `·` between them, on as many lines of `width` cells as it takes.
pub fn facts(facts: &[String], width: usize) -> String {
    let mut lines: Vec<String> = Vec::new();
    for fact in facts {
        match lines.last_mut() {
            Some(line) if cells(line) + 3 + cells(fact) <= width => line.push_str(&format!(" · {fact}")),
            _ => lines.extend(wrap(fact, width)),
        }
    }
    lines.join("\n")
}

/// Returns a duration: `0.05 s`, `3.1 s`, `9 s`, `2 min 5 s`, `1 h 3 min`, `2 d 4 h`.
pub fn duration(ms: u64) -> String {
    let seconds = (ms + 500) / 1000;
    match ms {
        0..100 => decimal(ms as f64 / 1000.0, 2, "s"),
        100..59_950 => decimal(ms as f64 / 1000.0, 1, "s"),
        _ if seconds < 3600 => two(seconds, 60, "min", "s"),
        _ if seconds < 86_400 => two(seconds / 60, 60, "h", "min"),
        _ => two(seconds / 3600, 24, "d", "h"),
    }
}

/// Returns a duration without what changes at every look: for estimates.
pub fn rough_duration(ms: u64) -> String {
    match ms {
        0..1_000 => "1 s".to_owned(),
        1_000..59_500 => format!("{} s", (ms + 500) / 1000),
        59_500..600_000 => two((ms + 500) / 1000, 60, "min", "s"),
        600_000..3_570_000 => format!("{} min", (ms + 30_000) / 60_000),
        _ => duration(ms),
    }
}

fn two(value: u64, base: u64, big: &str, small: &str) -> String {
    match (value / base, value % base) {
        (whole, 0) => format!("{} {big}", number(whole)),
        (whole, rest) => format!("{} {big} {rest} {small}", number(whole)),
    }
}

fn decimal(value: f64, places: usize, unit: &str) -> String {
    let text = format!("{value:.places$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text} {unit}")
}

const SIZES: [(f64, &str); 5] = [(1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1.0, "B")];

fn size_unit(bytes: u64) -> (f64, &'static str) {
    // 999,950 B would be shown as 1000.0 kB.
    let found =
        SIZES.into_iter().find(|(unit, _)| bytes as f64 >= unit * 0.99995 && (*unit > 1.0 || bytes < 1000));
    found.unwrap_or((1.0, "B"))
}

/// Returns a size in decimal units: `512 B`, `1.2 MB`.
pub fn size(bytes: u64) -> String {
    let (unit, name) = size_unit(bytes);
    decimal(bytes as f64 / unit, usize::from(unit > 1.0), name)
}

/// Returns two sizes of one thing: `1.2 -> 1.3 MB`, and all digits where fewer would show no difference.
pub fn size_change(before: u64, after: u64) -> String {
    if before == after {
        return format!("{}, same size", size(after));
    }
    let (unit, name) = size_unit(before.max(after));
    if size_unit(before.min(after)).1 != name {
        return format!("{} -> {}", size(before), size(after));
    }
    let places = usize::from(unit > 1.0);
    let (old, new) = (before as f64 / unit, after as f64 / unit);
    let (old, new) = (decimal(old, places, ""), decimal(new, places, name));
    if old.trim() == new.trim_end_matches(name).trim() {
        format!("{} -> {} B", number(before), number(after))
    } else {
        format!("{} -> {new}", old.trim())
    }
}

/// Returns how long ago something was: `just now`, `5 minutes ago`, `3 days ago`.
pub fn age(ms: u64) -> String {
    let seconds = ms / 1000;
    let ago = |n, one: &str, many: &str| format!("{} ago", count(n, one, many));
    match seconds {
        0..10 => "just now".to_owned(),
        10..60 => ago(seconds, "second", "seconds"),
        60..3600 => ago(seconds / 60, "minute", "minutes"),
        3600..86_400 => ago(seconds / 3600, "hour", "hours"),
        86_400..5_184_000 => ago(seconds / 86_400, "day", "days"),
        5_184_000..63_072_000 => ago(seconds / 2_592_000, "month", "months"),
        _ => ago(seconds / 31_536_000, "year", "years"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_commas_and_nouns_their_form() {
        for (n, text) in
            [(0, "0"), (999, "999"), (1000, "1,000"), (50_000, "50,000"), (1_234_567, "1,234,567")]
        {
            assert_eq!(number(n), text);
        }
        assert_eq!(count(1, "branch", "branches"), "1 branch");
        assert_eq!(count(0, "task", "tasks"), "0 tasks");
        assert_eq!(list(&["a", "b", "c"], 2), "a, b and 1 more");
    }

    #[test]
    fn facts_share_a_line_as_long_as_they_fit() {
        let facts = ["3 ran in 2 s".to_owned(), "branch main".to_owned(), "outputs in x".to_owned()];
        assert_eq!(super::facts(&facts, 80), "3 ran in 2 s · branch main · outputs in x");
        assert_eq!(super::facts(&facts, 30), "3 ran in 2 s · branch main\noutputs in x");
    }

    #[test]
    fn durations_read_as_one_would_say_them() {
        for (ms, text) in [
            (0, "0 s"),
            (47, "0.05 s"),
            (3_100, "3.1 s"),
            (9_000, "9 s"),
            (12_380, "12.4 s"),
            (59_960, "1 min"),
            (125_000, "2 min 5 s"),
            (3_599_999, "1 h"),
            (3_780_000, "1 h 3 min"),
            (187_200_000, "2 d 4 h"),
        ] {
            assert_eq!(duration(ms), text, "{ms}");
        }
        assert_eq!(rough_duration(1_234_567), "21 min");
    }

    #[test]
    fn sizes_share_a_unit_and_never_hide_a_change() {
        for (bytes, text) in
            [(0, "0 B"), (999, "999 B"), (1_000, "1 kB"), (999_960, "1 MB"), (1_234_567, "1.2 MB")]
        {
            assert_eq!(size(bytes), text, "{bytes}");
        }
        assert_eq!(size_change(1_200_000, 1_300_000), "1.2 -> 1.3 MB");
        assert_eq!(size_change(900, 1_300_000), "900 B -> 1.3 MB");
        assert_eq!(size_change(1_200_001, 1_200_002), "1,200,001 -> 1,200,002 B");
        assert_eq!(size_change(5, 5), "5 B, same size");
        assert_eq!(size_change(10, 20), "10 -> 20 B");
    }

    #[test]
    fn ages_are_whole_units() {
        assert_eq!(age(9_000), "just now");
        assert_eq!(age(61_000), "1 minute ago");
        assert_eq!(age(7_200_000), "2 hours ago");
        assert_eq!(age(90 * 86_400_000), "3 months ago");
    }
}
