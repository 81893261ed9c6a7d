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
    Interrupts::listen()?.pause(time)
}

/// Hears Ctrl-C and SIGTERM from its start on, also between two pauses.
pub struct Interrupts {
    runtime: tokio::runtime::Runtime,
    signals: imp::Signals,
}

impl Interrupts {
    /// Begins to listen.
    pub fn listen() -> Result<Self, ProcessError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let signals = {
            let _inside = runtime.enter();
            imp::Signals::listen().map_err(failed)?
        };
        Ok(Self { runtime, signals })
    }

    /// Waits; a signal that came since the last pause ends it at once.
    pub fn pause(&mut self, time: Duration) -> Result<Pause, ProcessError> {
        let Self { runtime, signals } = self;
        runtime.block_on(async {
            tokio::select! {
                biased;
                stopped = signals.next() => stopped.map(|()| Pause::Interrupted).map_err(failed),
                () = tokio::time::sleep(time) => Ok(Pause::Over),
            }
        })
    }
}

fn failed(source: std::io::Error) -> ProcessError {
    ProcessError::Io { path: "a signal".into(), source }
}

#[cfg(unix)]
mod imp {
    use tokio::signal::unix::{Signal, SignalKind, signal};

    pub struct Signals {
        interrupted: Signal,
        asked: Signal,
    }

    impl Signals {
        pub fn listen() -> std::io::Result<Self> {
            let (interrupted, asked) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
            Ok(Self { interrupted, asked })
        }

        pub async fn next(&mut self) -> std::io::Result<()> {
            tokio::select! {
                _ = self.interrupted.recv() => Ok(()),
                _ = self.asked.recv() => Ok(()),
            }
        }
    }
}

#[cfg(not(unix))]
mod imp {
    pub struct Signals;

    impl Signals {
        pub fn listen() -> std::io::Result<Self> {
            Ok(Self)
        }

        pub async fn next(&mut self) -> std::io::Result<()> {
            tokio::signal::ctrl_c().await
        }
    }
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_between_two_pauses_is_heard_by_the_next() {
        // Also the tests beside this one get it: all that listen for it are told, and none ends by it.
        let mut interrupts = Interrupts::listen().unwrap();
        assert_eq!(interrupts.pause(Duration::from_millis(1)).unwrap(), Pause::Over);
        rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::INT).unwrap();
        assert_eq!(interrupts.pause(Duration::from_secs(20)).unwrap(), Pause::Interrupted);
    }
}
