//! A child that one thread talks to, line by line, without any event loop.
//!
//! For work that takes microseconds: one write, one wait, one read a message.
//! The thread looks up every now and then, so that what hangs can be stopped.
//! As everywhere, a child ends with the thread that started it (Linux), so that
//! thread has to see it end: [`Talker::wait`] or [`Talker::stop`].

use std::fs::File;
use std::io::{self, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::time::{Duration, Instant};

use super::child::command;
use super::{Ended, Group, Launch, Leftovers, ProcessError, Reaper, system};

/// How long to sleep between two looks at a child that is about to end.
const BETWEEN_LOOKS: Duration = Duration::from_millis(1);
/// Most messages are shorter.
const ROOM: usize = 16 * 1024;

/// A child that is talked to.
pub struct Talker {
    child: Child,
    group: Group,
    reaper: Option<Reaper>,
    /// Closed once there is no more to say.
    input: Option<ChildStdin>,
    output: ChildStdout,
    /// Said, and not yet taken by the child.
    outbox: Vec<u8>,
    inbox: Vec<u8>,
    /// What of `inbox` was handed out already.
    read: usize,
    ended: Option<Ended>,
}

/// What came of listening.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// There is more to read.
    More,
    /// Nothing came in time.
    Silence,
    /// The child has closed its end.
    End,
}

impl Talker {
    /// Starts a program in a process group of its own; its errors go to a file.
    pub fn start(launch: &Launch, errors: File, reaper: Option<&Reaper>) -> Result<Self, ProcessError> {
        let program = || launch.program.clone();
        if let Some(folder) = launch.folder.as_deref().filter(|folder| !folder.is_dir()) {
            return Err(ProcessError::NoFolder { program: program(), folder: folder.to_owned() });
        }
        let mut command = command(launch);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(errors);
        system::prepare(&mut command, reaper);
        let failed = |source| ProcessError::NotStarted { program: program(), source };
        let mut child = command.spawn().map_err(failed)?;
        let group = Group::of(child.id());
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            group.kill();
            return Err(failed(io::ErrorKind::BrokenPipe.into()));
        };
        system::never_block(&input).map_err(failed)?;
        Ok(Self {
            child,
            group,
            reaper: reaper.cloned(),
            input: Some(input),
            output,
            outbox: Vec::new(),
            inbox: Vec::with_capacity(ROOM),
            read: 0,
            ended: None,
        })
    }

    /// Returns its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Says something; what the child does not take at once goes out while listening.
    pub fn say(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.outbox.extend_from_slice(bytes);
        self.push_out()
    }

    /// Returns the next line, without its end; absent where it is not whole yet.
    pub fn line(&mut self) -> Option<Vec<u8>> {
        let rest = self.inbox.get(self.read..)?;
        let end = rest.iter().position(|byte| *byte == b'\n')?;
        let line = rest[..end].to_vec();
        self.take(end + 1);
        Some(line)
    }

    /// Returns the next so many bytes; absent where they are not all there yet.
    pub fn bytes(&mut self, length: usize) -> Option<Vec<u8>> {
        let bytes = self.inbox.get(self.read..self.read + length)?.to_vec();
        self.take(length);
        Some(bytes)
    }

    fn take(&mut self, length: usize) {
        self.read += length;
        if self.read == self.inbox.len() {
            self.inbox.clear();
            self.inbox.shrink_to(ROOM);
            self.read = 0;
        }
    }

    /// Waits until the child says more, at most for `patience`.
    pub fn listen(&mut self, patience: Duration) -> io::Result<Heard> {
        let deadline = Instant::now() + patience;
        loop {
            let writing = self.input.as_ref().filter(|_| !self.outbox.is_empty());
            let ready = system::wait_ready(&self.output, writing, deadline)?;
            if ready.input {
                self.push_out()?;
            }
            if ready.output {
                return self.pull_in();
            }
            if Instant::now() >= deadline {
                return Ok(Heard::Silence);
            }
        }
    }

    fn pull_in(&mut self) -> io::Result<Heard> {
        let before = self.inbox.len();
        self.inbox.resize(before + ROOM, 0);
        let read = loop {
            match self.output.read(&mut self.inbox[before..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        self.inbox.truncate(before + *read.as_ref().unwrap_or(&0));
        Ok(if read? == 0 { Heard::End } else { Heard::More })
    }

    fn push_out(&mut self) -> io::Result<()> {
        let Some(input) = &mut self.input else { return Err(io::ErrorKind::BrokenPipe.into()) };
        while !self.outbox.is_empty() {
            match input.write(&self.outbox) {
                Ok(written) => drop(self.outbox.drain(..written)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.outbox.clear();
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Lets the child know that there is no more, by closing its input.
    pub fn hang_up(&mut self) {
        self.input = None;
    }

    /// Waits until it ended, at most for `patience`; absent where it goes on.
    pub fn wait(&mut self, patience: Duration) -> Option<Ended> {
        let deadline = Instant::now() + patience;
        let mut closed = false;
        while self.ended.is_none() {
            self.ended = system::try_wait(&mut self.child);
            if self.ended.is_some() || Instant::now() >= deadline {
                break;
            }
            // The end of its output is mostly its own end; a child of its own may hold that open.
            let soon = deadline.min(Instant::now() + BETWEEN_LOOKS * 20);
            match (closed, system::wait_ready(&self.output, None, soon)) {
                (false, Ok(ready)) if ready.output => {
                    let end = self.pull_in();
                    closed = !matches!(end, Ok(Heard::More));
                }
                (false, Ok(_)) => {}
                _ => std::thread::sleep(BETWEEN_LOOKS),
            }
        }
        self.ended
    }

    /// Stops it with everything it started: asks, waits for `grace`, kills.
    pub fn stop(&mut self, grace: Duration) -> Ended {
        self.hang_up();
        if self.ended.is_none() {
            self.group.ask_to_end();
            if self.wait(grace).is_none() {
                self.group.kill();
            }
        }
        let ended = loop {
            if let Some(ended) = self.wait(Duration::from_secs(1)) {
                break ended;
            }
        };
        self.stop_leftovers(grace);
        ended
    }

    /// After its end: stops what it left behind in its group, and lets the reaper forget it.
    pub fn stop_leftovers(&mut self, grace: Duration) -> Leftovers {
        let leftovers = self.group.stop_leftovers_here(grace);
        if let Some(reaper) = self.reaper.take() {
            reaper.forget(self.group);
        }
        leftovers
    }
}

impl Drop for Talker {
    /// A child nobody talks to any more is not left running.
    fn drop(&mut self) {
        if self.ended.is_none() && system::try_wait(&mut self.child).is_none() {
            self.group.kill();
            let _ = self.child.wait();
        }
        if let Some(reaper) = self.reaper.take() {
            reaper.forget(self.group);
        }
    }
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;

    fn talk(script: &str) -> Talker {
        let null = File::options().write(true).open("/dev/null").unwrap();
        Talker::start(&Launch::shell(script), null, None).unwrap()
    }

    const SOON: Duration = Duration::from_secs(20);

    #[test]
    fn lines_and_bytes_come_whole_however_much_goes_both_ways() {
        let mut child = talk("cat");
        let much = vec![b'x'; 300_000];
        // More than both pipes hold, before anything is read.
        child.say(&much).unwrap();
        child.say(b"\nlast\n").unwrap();
        let line = loop {
            if let Some(line) = child.line() {
                break line;
            }
            assert_eq!(child.listen(SOON).unwrap(), Heard::More);
        };
        assert_eq!(line, much);
        while child.bytes(5).is_none_or(|bytes| bytes != b"last\n") {
            assert_eq!(child.listen(SOON).unwrap(), Heard::More);
        }
        assert_eq!(child.listen(Duration::ZERO).unwrap(), Heard::Silence);
        child.hang_up();
        assert_eq!(child.wait(SOON).and_then(|ended| ended.code), Some(0));
    }

    #[test]
    fn an_end_is_noticed_also_where_an_orphan_holds_the_pipe() {
        let mut child = talk("sleep 1000 & exit 3");
        assert_eq!(child.wait(SOON).and_then(|ended| ended.code), Some(3));
        assert_eq!(child.stop_leftovers(SOON), Leftovers::Stopped);
    }
}
