//! One warm R session, and the forks that it makes.
//!
//! It is talked to through named pipes in a folder of its own: what it shall
//! do, what it answers, and the scripts that its forks read. Pipes with names
//! are closed in a fork, and no other program inherits them. What session and
//! forks print goes to a file in that folder, and from there to the item's log.
//! It is a temporary folder: nobody who reads through the run's own meets a pipe.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::pipe;
use tokio::time::Instant;

use super::super::log::Log;
use super::super::watch::{Waited, wait_for};
use super::super::{Attempt, Job, RScript, WARM, Warm, Workers};
use super::fit::{self, Unfit};
use super::message::{frame, quoted, request};
use crate::process::{Ended, Environment, Launch, Running, Streams, open_log, start};

/// For R to start and load packages.
const STARTING: Duration = Duration::from_secs(300);
/// So many forks are made at once, once it is clear that there are many items: the fork between costs as much as one.
const MOST_WAITING: u32 = 16;
/// For a fork to be there, and to be ours.
const FORKING: Duration = Duration::from_secs(60);
const BETWEEN_LOOKS: Duration = Duration::from_micros(500);
/// What is printed before the first script (by `.Rprofile`) is in each item's log; no more of it than this.
const MOST_GREETING: u64 = 64 * 1024;

/// What is to be run.
pub(super) struct Wanted<'a> {
    pub job: &'a Job,
    pub script: &'a RScript,
    pub warm: &'a Warm,
    /// The complete environment that `Rscript` would get.
    pub environment: &'a Environment,
}

/// A session that waits to fork.
pub(super) struct Parent {
    child: Running,
    /// What it was started with.
    environment: Environment,
    /// Where it was started.
    folder: PathBuf,
    script_pipe: PathBuf,
    output: PathBuf,
    /// Has the pipes and the output; goes with the session.
    _place: TempDir,
    requests: pipe::Sender,
    turns: pipe::Sender,
    jobs: pipe::Sender,
    answers: BufReader<pipe::Receiver>,
    /// Forks that wait for their turn.
    waiting: u32,
    /// How many it was asked for the last time.
    batch: u32,
    /// What it printed before its first fork.
    greeting: Vec<u8>,
}

/// What is asked for: of the session, or of one of the forks that wait.
enum Ask<'a> {
    Load(&'a [u8]),
    Run(&'a [u8]),
}

/// A fork that waits for its script.
pub(super) struct Fork {
    /// The process.
    pub child: Running,
    text: Option<(pipe::Sender, Vec<u8>)>,
    script_pipe: PathBuf,
    /// Its own temporary folder.
    temporary: PathBuf,
}

impl Parent {
    /// Starts a session and waits until it has loaded its packages.
    pub async fn start(workers: &Workers, wanted: &Wanted<'_>, attempt: &mut Attempt) -> Result<Self, Unfit> {
        check_start_files(wanted)?;
        let failed = |error: &dyn std::fmt::Display| Unfit::NotStarted { said: error.to_string() };
        let place = tempfile::Builder::new().prefix("kptn-r-").tempdir().map_err(|error| failed(&error))?;
        let [script_pipe, requests, turns, jobs, answers] =
            ["script", "requests", "turns", "jobs", "answers"].map(|name| place.path().join(name));
        make_pipes(&[&script_pipe, &requests, &turns, &jobs, &answers]).map_err(|error| failed(&error))?;
        let output = place.path().join("output");
        let environment = fit::at_one_thread(wanted.environment);
        let launch = Launch::new(&wanted.job.interpreter)
            .arguments([&script_pipe])
            .environment(environment.clone())
            .folder(&wanted.job.folder);
        let file = || open_log(&output).map_err(|error| failed(&error));
        let streams = Streams::Files { output: file()?, errors: file()? };
        // Held until R has read our line: a pipe without a writer would end R's input.
        let mut held = open_both_ways(&script_pipe).map_err(|error| failed(&error))?;
        let call = format!(
            "base::eval(base::parse({}, keep.source = FALSE)[[1L]], base::new.env(parent = base::baseenv()))({}, {}, {}, {})\n",
            quoted(&workers.helper(WARM)),
            quoted(&requests),
            quoted(&turns),
            quoted(&jobs),
            quoted(&answers)
        );
        held.write_all(call.as_bytes()).map_err(|error| failed(&error))?;
        let mut both_ways = pipe::OpenOptions::new();
        both_ways.read_write(true);
        let sender = |path: &Path| both_ways.open_sender(path).map_err(|error| failed(&error));
        let (requests, turns, jobs) = (sender(&requests)?, sender(&turns)?, sender(&jobs)?);
        let answers = both_ways.open_receiver(&answers).map_err(|error| failed(&error))?;
        let child = start(&launch, streams, workers.reaper.as_ref()).map_err(|error| failed(&error))?;
        let mut parent = Self {
            child,
            environment,
            folder: wanted.job.folder.clone(),
            script_pipe,
            output,
            _place: place,
            requests,
            turns,
            jobs,
            answers: BufReader::new(answers),
            waiting: 0,
            batch: 0,
            greeting: Vec::new(),
        };
        let mut message = frame(wanted.warm.packages.iter().map(String::as_bytes));
        message.extend(frame(fit::DENIED.iter().map(|name| name.as_bytes())));
        let answer = parent.ask(Ask::Load(&message), workers, attempt, STARTING).await?;
        match answer.as_deref() {
            Some("ready") => {}
            Some(what) => return Err(Unfit::Loaded { what: what.to_owned() }),
            None => return Err(Unfit::NotStarted { said: parent.last_line() }),
        }
        let mut greeting = Vec::new();
        if let Ok(file) = File::open(&parent.output) {
            drop(file.take(MOST_GREETING).read_to_end(&mut greeting));
        }
        parent.greeting = greeting;
        Ok(parent)
    }

    /// Ends it, and the forks that wait.
    pub async fn end(mut self, workers: &Workers) {
        self.child.group().kill();
        self.child.stop(workers.patience.grace).await;
    }

    /// Gives a fork its turn, which then waits for `text`; from then on the attempt's log is what the fork prints.
    pub async fn fork(
        &mut self,
        workers: &Workers,
        wanted: &Wanted<'_>,
        text: &[u8],
        attempt: &mut Attempt,
    ) -> Result<Fork, Unfit> {
        if wanted.job.folder != self.folder {
            return Err(Unfit::Folder);
        }
        let failed = |error: &dyn std::fmt::Display| Unfit::NotForked { said: error.to_string() };
        let request = request(wanted, &fit::changes(&self.environment, wanted.environment)?);
        self.begin_output().map_err(|error| failed(&error))?;
        // Before the fork reads: a pipe without a writer would end its script before it began.
        let writer =
            pipe::OpenOptions::new().open_sender(&self.script_pipe).map_err(|error| failed(&error))?;
        if self.waiting == 0 {
            self.batch = (self.batch * 2).clamp(1, MOST_WAITING);
            let count = self.batch.to_string();
            let asked = self.requests.write_all(&frame([count.as_bytes()].into_iter())).await;
            asked.map_err(|error| failed(&error))?;
            self.waiting = self.batch;
        }
        self.waiting -= 1;
        let answer = self.ask(Ask::Run(&request), workers, attempt, FORKING).await?;
        let answer = answer.ok_or_else(|| failed(&"it ended"))?;
        let words: Vec<&str> = answer.splitn(3, ' ').collect();
        let (Some(&"forked"), Some(id), Some(temporary)) =
            (words.first(), words.get(1).and_then(|id| id.parse().ok()), words.get(2))
        else {
            return Err(failed(&answer));
        };
        let child = self.take_over(id, workers).await?;
        let bounds = workers.patience.log;
        let log = Log::open_apart(&self.output, &wanted.job.log, bounds, wanted.job.lines.clone());
        attempt.log = log.map_err(|error| failed(&error))?;
        Ok(Fork {
            child,
            text: Some((writer, text.to_vec())),
            script_pipe: self.script_pipe.clone(),
            temporary: PathBuf::from(temporary),
        })
    }

    /// Says something and waits for a line; absent where the session ended.
    async fn ask(
        &mut self,
        what: Ask<'_>,
        workers: &Workers,
        attempt: &mut Attempt,
        patience: Duration,
    ) -> Result<Option<String>, Unfit> {
        let mut stop = workers.stop.subscribe();
        let Self { child, requests, turns, jobs, answers, .. } = self;
        let exchange = async {
            match what {
                Ask::Load(message) => requests.write_all(message).await?,
                Ask::Run(message) => {
                    turns.write_all(b".").await?;
                    jobs.write_all(message).await?;
                }
            }
            let mut line = Vec::new();
            answers.read_until(b'\n', &mut line).await?;
            io::Result::Ok(String::from_utf8_lossy(&line).trim_end().to_owned())
        };
        let event = async {
            tokio::select! {
                biased;
                answer = exchange => answer.map(Some),
                _ = child.wait() => Ok(None),
            }
        };
        let deadline = Some(Instant::now() + patience);
        match wait_for(event, &mut attempt.log, deadline, &mut stop).await {
            Waited::Happened(Ok(answer)) => Ok(answer),
            Waited::Happened(Err(error)) => Err(Unfit::NotForked { said: error.to_string() }),
            Waited::Stopped => Err(Unfit::Stopped),
            Waited::TimedOut => {
                Err(Unfit::NotForked { said: format!("no answer within {} s", patience.as_secs()) })
            }
        }
    }

    /// Makes a fork our child: it is so as soon as the process between us has ended.
    async fn take_over(&self, id: u32, workers: &Workers) -> Result<Running, Unfit> {
        let end = Instant::now() + FORKING;
        loop {
            match Running::of_orphan(id, workers.reaper.as_ref()) {
                Ok(Some(child)) => return Ok(child),
                Ok(None) if Instant::now() < end => tokio::time::sleep(BETWEEN_LOOKS).await,
                Ok(None) => return Err(Unfit::NotForked { said: "the fork was lost".to_owned() }),
                Err(error) => return Err(Unfit::NotForked { said: error.to_string() }),
            }
        }
    }

    /// Makes the file that all forks print to as if one of them alone had it.
    fn begin_output(&self) -> io::Result<()> {
        let mut file = File::options().append(true).open(&self.output)?;
        file.set_len(0)?;
        file.write_all(&self.greeting)
    }

    fn last_line(&self) -> String {
        let text = fs::read(&self.output).unwrap_or_default();
        let text = String::from_utf8_lossy(&text).into_owned();
        text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it ended").to_owned()
    }
}

impl Fork {
    /// Hands the script over and waits for the end. May be dropped, and then not called again.
    pub async fn read_and_end(&mut self) -> Ended {
        let (text, group) = (self.text.take(), self.child.group());
        let handing_over = async {
            if let Some((mut writer, text)) = text
                && writer.write_all(&text).await.is_err()
            {
                // Half a script must not look like one that ended well.
                group.kill();
            }
            std::future::pending::<Ended>().await
        };
        tokio::select! {
            ended = self.child.wait() => ended,
            never = handing_over => never,
        }
    }

    /// Removes what the fork left unread, and the temporary folder of one that could not do so itself.
    /// Returns whether the next fork will find its own script alone.
    pub fn clear_away(&mut self, ended: &Ended) -> bool {
        self.text = None;
        let unread = File::options().read(true).custom_flags(libc::O_NONBLOCK).open(&self.script_pipe);
        let is_empty = unread.is_ok_and(|mut unread| {
            let mut rest = [0; 4096];
            loop {
                match unread.read(&mut rest) {
                    Ok(0) => break true,
                    Ok(_) => {}
                    Err(_) => break false,
                }
            }
        });
        let named = self.temporary.file_name().is_some_and(|name| name.as_bytes().starts_with(b"Rtmp"));
        if ended.signal.is_some() && named {
            drop(fs::remove_dir_all(&self.temporary));
        }
        is_empty
    }
}

/// Looks into the files that R reads as it starts.
fn check_start_files(wanted: &Wanted<'_>) -> Result<(), Unfit> {
    let named = |name: &str| wanted.environment.get(OsStr::new(name)).map(PathBuf::from);
    let folders = [Some(wanted.job.root.clone()), Some(wanted.job.folder.clone()), named("HOME")];
    let usual =
        folders.iter().flatten().flat_map(|folder| [".Rprofile", ".Renviron"].map(|name| folder.join(name)));
    let others = ["R_PROFILE", "R_PROFILE_USER", "R_ENVIRON", "R_ENVIRON_USER"].into_iter().filter_map(named);
    for path in usual.chain(others) {
        let Ok(bytes) = fs::read(&path) else { continue };
        if let Some(name) = fit::mentions(&String::from_utf8_lossy(&bytes), &wanted.warm.variables) {
            return Err(Unfit::StartFile { file: path.display().to_string(), name: name.to_owned() });
        }
    }
    Ok(())
}

fn make_pipes(paths: &[&Path]) -> io::Result<()> {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    for path in paths {
        mknodat(CWD, *path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)?;
    }
    Ok(())
}

fn open_both_ways(path: &Path) -> io::Result<File> {
    File::options().read(true).write(true).open(path)
}
