//! Waits for one event of a running child, and meanwhile keeps an eye on its
//! log, the clock and the stop signal.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::log::Log;

/// How often a log is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How waiting ended.
#[derive(Debug)]
pub enum Waited<T> {
    /// It happened.
    Happened(T),
    /// The deadline passed.
    TimedOut,
    /// The run was stopped.
    Stopped,
}

/// Waits until `event` happens, the deadline passes or the run is stopped.
pub async fn wait_for<T>(
    event: impl Future<Output = T>,
    log: &mut Log,
    deadline: Option<Instant>,
    stop: &mut watch::Receiver<bool>,
) -> Waited<T> {
    let mut event = pin!(event);
    let mut looks = tokio::time::interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    let never = || async { std::future::pending::<()>().await };
    loop {
        let late = async {
            match deadline {
                Some(deadline) => tokio::time::sleep_until(deadline).await,
                None => never().await,
            }
        };
        let stopped = async {
            // The sender lives as long as the workers do; without it nobody can stop us.
            if stop.wait_for(|stopped| *stopped).await.is_err() {
                never().await;
            }
        };
        tokio::select! {
            biased;
            happened = &mut event => return Waited::Happened(happened),
            () = stopped => return Waited::Stopped,
            () = late => return Waited::TimedOut,
            _ = looks.tick() => log.look(),
        }
    }
}
