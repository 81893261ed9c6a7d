//! No table: this kptn was built without AWS.

use super::{Condition, Found};
use crate::model::RemoteSettings;
use crate::remote::bucket::{Listed, Swapped};
use crate::remote::{Earnest, RemoteError, shown_address};

/// There is none.
#[derive(Debug, Clone)]
pub enum Table {}

impl Table {
    /// Says so.
    pub fn open(settings: &RemoteSettings, address: &str) -> Result<Self, RemoteError> {
        let problem =
            format!("`refs: {address}` needs a kptn that knows AWS: `cargo install kptn --features aws`");
        Err(RemoteError::Address { url: shown_address(settings), problem })
    }

    /// There is none.
    pub fn address(&self) -> &str {
        match *self {}
    }

    /// There is none.
    pub async fn read(&self, _: &str) -> Result<Option<Found>, RemoteError> {
        match *self {}
    }

    /// There is none.
    pub async fn put(&self, _: &str, _: Vec<u8>, _: Condition<'_>) -> Result<Swapped, RemoteError> {
        match *self {}
    }

    /// There is none.
    pub async fn list(&self, _: &str) -> Result<Vec<Listed>, RemoteError> {
        match *self {}
    }

    /// There is none.
    pub async fn written_ms(&self, _: &str) -> Result<Option<u64>, RemoteError> {
        match *self {}
    }

    /// There is none.
    pub async fn remove(&self, _: &[String]) -> Result<(), RemoteError> {
        match *self {}
    }

    /// There is none.
    pub async fn tidy(&self, _: u64, _: Earnest) -> Result<Vec<u64>, RemoteError> {
        match *self {}
    }
}
