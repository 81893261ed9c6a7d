//! Takes kptn's types out of SQLite's rows, and puts them in.
//!
//! Numbers are `i64` there and never negative here; digests are blobs of 32
//! bytes; what has more parts is canonical JSON.

use rusqlite::Row;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::StateError;
use crate::model::{Digest, canonical_json};

/// Returns a column's text.
pub(super) fn text<'a>(row: &'a Row<'_>, at: usize) -> Result<&'a str, rusqlite::Error> {
    let value = row.get_ref(at)?;
    value
        .as_str()
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(at, value.data_type(), Box::new(error)))
}

/// Returns a column's digest.
pub(super) fn digest(row: &Row<'_>, at: usize) -> Result<Digest, rusqlite::Error> {
    row.get(at).map(Digest::from_bytes)
}

/// Returns a column's digest; absent where it is null.
pub(super) fn digest_or_null(row: &Row<'_>, at: usize) -> Result<Option<Digest>, rusqlite::Error> {
    row.get::<_, Option<[u8; 32]>>(at).map(|bytes| bytes.map(Digest::from_bytes))
}

/// Returns a column's count or time.
pub(super) fn number(row: &Row<'_>, at: usize) -> Result<u64, rusqlite::Error> {
    row.get(at).map(i64::unsigned_abs)
}

/// Parses a name out of a column.
pub(super) fn parsed<T, E>(
    what: &'static str,
    text: &str,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Result<T, StateError> {
    parse(text).map_err(|_| StateError::Unreadable { what, text: text.to_owned() })
}

/// Parses JSON out of a column.
pub(super) fn from_json<T: DeserializeOwned>(what: &'static str, text: &str) -> Result<T, StateError> {
    parsed(what, text, |text| serde_json::from_str(text))
}

/// Writes a value for a column.
pub(super) fn to_json<T: Serialize>(value: &T) -> String {
    // Canonical JSON is always UTF-8.
    String::from_utf8(canonical_json(value)).unwrap_or_default()
}
