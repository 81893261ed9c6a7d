//! A pause that Ctrl-C ends, also where Ctrl-C has been listened to before.

use std::time::Duration;

use super::ProcessError;

/// How a pause ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pause {
    /// Its time is over.
    Over,
    /// Ctrl-C or SIGTERM.
    Interrupted,
}

/// Waits.
pub fn pause(time: Duration) -> Result<Pause, ProcessError> {
    let failed = |source| ProcessError::Io { path: "a signal".into(), source };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    runtime.block_on(async {
        tokio::select! {
            biased;
            stopped = stopped() => stopped.map(|()| Pause::Interrupted).map_err(failed),
            () = tokio::time::sleep(time) => Ok(Pause::Over),
        }
    })
}

#[cfg(unix)]
async fn stopped() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupted, mut asked) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::select! {
        _ = interrupted.recv() => Ok(()),
        _ = asked.recv() => Ok(()),
    }
}

#[cfg(not(unix))]
async fn stopped() -> std::io::Result<()> {
    tokio::signal::ctrl_c().await
}
