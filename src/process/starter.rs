//! Whether the process that started us is still there.
//!
//! Between `kptn run` and serve stands the runner, so serve is not told when
//! `kptn run` is killed. But it was handed the writing end of a pipe that
//! `kptn run` reads: with the last reader gone, the pipe says so.

#[cfg(unix)]
mod imp {
    use std::os::fd::{AsFd, OwnedFd};

    /// What a starter handed on; the other ends of pipes among it are the starter's.
    #[derive(Debug, Default)]
    pub struct Starter(Vec<OwnedFd>);

    impl Starter {
        /// Remembers what was handed on. Files among it never say anything.
        pub fn holding<F: AsFd>(handed_on: &[F]) -> Self {
            // One that cannot be held is one that cannot be watched.
            Self(handed_on.iter().filter_map(|one| one.as_fd().try_clone_to_owned().ok()).collect())
        }

        /// Calls `on_gone` when the starter is gone, from a thread of its own.
        pub fn watch(&self, on_gone: impl FnOnce() + Send + 'static) {
            let ends: Vec<_> = self.0.iter().filter_map(|end| end.try_clone().ok()).collect();
            if ends.is_empty() {
                return;
            }
            std::thread::spawn(move || {
                use rustix::event::{PollFd, PollFlags, poll};
                // Nothing is asked for: an error and a hang-up are always told.
                let mut asked: Vec<_> = ends.iter().map(|end| PollFd::new(end, PollFlags::empty())).collect();
                while let Err(rustix::io::Errno::INTR) = poll(&mut asked, None) {}
                on_gone();
            });
        }
    }

    #[cfg(test)]
    mod tests {
        use std::sync::mpsc;
        use std::time::Duration;

        use super::*;

        #[test]
        fn the_end_of_a_reader_is_told_and_a_file_is_never_gone() {
            let file = tempfile::tempfile().unwrap();
            let (reader, writer) = std::io::pipe().unwrap();
            let (sender, receiver) = mpsc::channel();
            Starter::holding(&[OwnedFd::from(file), OwnedFd::from(writer)]).watch(move || {
                sender.send(()).unwrap();
            });
            assert!(receiver.recv_timeout(Duration::from_millis(50)).is_err());
            drop(reader);
            receiver.recv_timeout(Duration::from_secs(20)).unwrap();
        }
    }
}

#[cfg(not(unix))]
mod imp {
    /// Nothing is handed on here: the runner's end is the only sign.
    #[derive(Debug, Default)]
    pub struct Starter;

    impl Starter {
        /// Remembers nothing.
        pub fn holding<F>(_: &[F]) -> Self {
            Self
        }

        /// Does nothing.
        pub fn watch(&self, _: impl FnOnce() + Send + 'static) {}
    }
}

pub use imp::Starter;
