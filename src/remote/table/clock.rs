//! What time it is at the server: each of its answers says so, to the second. Ages of keys are by that clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::SystemTime;

use aws_sdk_dynamodb::config::interceptors::BeforeDeserializationInterceptorContextRef;
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;

/// Nothing was answered yet.
const UNKNOWN: i64 = i64::MIN;

/// How far the server's clock is from the one here.
#[derive(Debug, Clone)]
pub struct Clock(Arc<AtomicI64>);

impl Clock {
    pub fn new() -> Self {
        Self(Arc::new(AtomicI64::new(UNKNOWN)))
    }

    /// Returns the time in ms since the epoch; absent before the first answer.
    pub fn now_ms(&self) -> Option<u64> {
        let ahead = self.0.load(Ordering::Relaxed);
        (ahead != UNKNOWN).then(|| local_ms().saturating_add_signed(ahead))
    }

    fn heard(&self, date: &str) {
        if let Ok(date) = jiff::fmt::rfc2822::parse(date) {
            let there = date.timestamp().as_millisecond();
            let here = i64::try_from(local_ms()).unwrap_or(i64::MAX);
            self.0.store(there.saturating_sub(here), Ordering::Relaxed);
        }
    }
}

fn local_ms() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

impl Intercept for Clock {
    fn name(&self) -> &'static str {
        "clock"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(date) = context.response().headers().get("date") {
            self.heard(date);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_is_what_the_server_said() {
        let clock = Clock::new();
        assert_eq!(clock.now_ms(), None);
        clock.heard("no date");
        assert_eq!(clock.now_ms(), None);
        clock.heard("Sun, 06 Nov 1994 08:49:37 GMT");
        let said = 784_111_777_000;
        let now = clock.now_ms().unwrap();
        assert!((said..said + 600_000).contains(&now), "{now}");
    }
}
