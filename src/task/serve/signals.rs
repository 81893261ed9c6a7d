//! What the user or the system asks of us: Ctrl-C, SIGTERM.
//!
//! From the moment they are listened to they no longer end this process, so
//! whoever listens must act on them.

use super::ServeError;

/// A request to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Ctrl-C.
    Interrupt,
    /// SIGTERM, or a terminal that was closed.
    Terminate,
}

/// Hears signals, from when it is made.
#[cfg(unix)]
pub struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    hang_up: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    /// Begins to listen; from now on signals no longer end this process.
    pub fn new() -> Result<Self, ServeError> {
        use tokio::signal::unix::{SignalKind, signal};
        let system = |source| ServeError::System { source };
        Ok(Self {
            interrupt: signal(SignalKind::interrupt()).map_err(system)?,
            terminate: signal(SignalKind::terminate()).map_err(system)?,
            hang_up: signal(SignalKind::hangup()).map_err(system)?,
        })
    }

    /// Waits for the next one.
    pub async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.interrupt.recv() => Signal::Interrupt,
            _ = self.terminate.recv() => Signal::Terminate,
            _ = self.hang_up.recv() => Signal::Terminate,
        }
    }
}

/// Where there are no signals, Ctrl-C is all that is heard.
#[cfg(not(unix))]
pub struct Signals;

#[cfg(not(unix))]
impl Signals {
    /// Begins to listen.
    pub fn new() -> Result<Self, ServeError> {
        Ok(Self)
    }

    /// Waits for the next one.
    pub async fn next(&mut self) -> Signal {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        Signal::Interrupt
    }
}
