//! What an unquoted YAML word means.
//!
//! YAML 1.2's core schema and nothing more: `NO`, `yes` and `on` are texts (a
//! US state list has Norway's problem too), a number with leading zeros is a
//! text (`01234` is a postal code), and so are `1_000` and `12:30`.

use super::node::{Kind, Scalar};

/// Returns what the plain (unquoted) scalar `text` means.
pub(super) fn plain(text: &str) -> Kind {
    let value = match text {
        "" | "~" | "null" | "Null" | "NULL" => return Kind::Null,
        "true" | "True" | "TRUE" => Scalar::Bool(true),
        "false" | "False" | "FALSE" => Scalar::Bool(false),
        _ => number(text).unwrap_or(Scalar::Text),
    };
    Kind::Scalar { text: text.to_owned(), value }
}

/// Returns the number that `text` spells; absent for anything else.
fn number(text: &str) -> Option<Scalar> {
    let first = *text.as_bytes().first()?;
    if !(first.is_ascii_digit() || matches!(first, b'-' | b'+' | b'.')) {
        return None;
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if unsigned.len() == text.len() {
        if let Some(digits) = text.strip_prefix("0x") {
            return whole(u64::from_str_radix(digits, 16).ok().filter(|_| alphanumeric(digits))?);
        }
        if let Some(digits) = text.strip_prefix("0o") {
            return whole(u64::from_str_radix(digits, 8).ok().filter(|_| alphanumeric(digits))?);
        }
    }
    if matches!(unsigned, ".inf" | ".Inf" | ".INF" | ".nan" | ".NaN" | ".NAN") {
        return None;
    }
    let digits = unsigned.bytes().take_while(u8::is_ascii_digit).count();
    if digits > 1 && unsigned.starts_with('0') {
        return None;
    }
    if digits == unsigned.len() {
        return match text.parse::<i64>() {
            Ok(value) => Some(Scalar::Signed(value)),
            // Beyond 64 bits the spelling is kept: a float would lose digits without a word.
            Err(_) => text.parse::<u64>().ok().map(Scalar::Unsigned),
        };
    }
    let numeral = |c: u8| c.is_ascii_digit() || matches!(c, b'.' | b'e' | b'E' | b'-' | b'+');
    let has_digit = unsigned.bytes().any(|c| c.is_ascii_digit());
    if !has_digit || !unsigned.bytes().all(numeral) || unsigned.starts_with(['-', '+', 'e', 'E']) {
        return None;
    }
    text.parse::<f64>().ok().filter(|value| value.is_finite()).map(Scalar::Float)
}

fn whole(value: u64) -> Option<Scalar> {
    Some(i64::try_from(value).map_or(Scalar::Unsigned(value), Scalar::Signed))
}

fn alphanumeric(digits: &str) -> bool {
    digits.bytes().all(|c| c.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> serde_json::Value {
        let place = crate::model::Location { line: 1, column: 1, length: 0 };
        super::super::node::Node { place, kind: plain(text) }.to_json()
    }

    #[test]
    fn a_state_is_no_boolean_and_a_postal_code_no_number() {
        for text in
            ["NO", "no", "yes", "on", "Off", "01234", "1_000", "12:30:45", "2024-01-01", "-", "+", "."]
        {
            assert_eq!(json(text), text, "{text}");
        }
        for text in
            ["0x", "0xg", "1e", "e5", ".e1", "1.2.3", "--1", "+-1", "0x+1", "1-2", ".inf", ".nan", "inf"]
        {
            assert_eq!(json(text), text, "{text}");
        }
    }

    #[test]
    fn numbers_keep_their_kind() {
        assert_eq!(json("0"), 0);
        assert_eq!(json("-17"), -17);
        assert_eq!(json("0x1F"), 31);
        assert_eq!(json("0o17"), 15);
        assert_eq!(json("18446744073709551615"), u64::MAX);
        assert_eq!(json("18446744073709551616"), "18446744073709551616");
        assert_eq!(json(".25"), 0.25);
        assert_eq!(json("1e3"), 1000.0);
        assert_eq!(json("0.5"), 0.5);
        assert_eq!(json("true"), true);
        assert_eq!(json("~"), serde_json::Value::Null);
    }
}
