//! One file a command: its flags, and the few lines from words to verb to view.
//!
//! ```text
//! words --parse--> Args --ops::verb--> report --views::…--> text or JSON --printer--> out
//! ```
//!
//! A command decides nothing about tasks: what it does is one call of `ops`,
//! what it shows is one call of `views`. It returns the exit code.

use std::path::PathBuf;
use std::sync::Arc;

use super::args::{Command, Global};
use super::error::CommandError;
use super::exit::Exit;
use super::printer::Printer;
use super::views;
use crate::ops::scope::Words;
use crate::ops::{Footing, Session, Start, renames};

pub mod accept;
pub mod branch;
pub mod cat;
pub mod check;
pub mod clean;
pub mod completions;
pub mod config;
pub mod debug;
pub mod deploy;
pub mod deploy_aws;
mod deploy_aws_destroy;
pub mod diff;
pub mod docker;
pub mod doctor;
pub mod du;
pub mod elsewhere;
pub mod engine;
pub mod env;
pub mod follow;
pub mod fsck;
pub mod gc;
pub mod graph;
pub mod hook;
pub mod hooks;
pub mod init;
pub mod invalidate;
pub mod log;
pub mod man;
pub mod output;
pub mod path;
pub mod plan;
pub mod promote;
pub mod pull;
pub mod push;
pub mod remote;
pub mod render;
pub mod restore;
pub mod retry;
pub mod run;
pub mod shell;
pub mod status;
pub mod tag;
pub mod task;
pub mod undo;
pub mod why;

/// What every command gets beside its own flags.
pub struct Context<'a> {
    /// Where its words go.
    pub printer: Arc<Printer>,
    /// The global flags.
    pub global: &'a Global,
}

impl Context<'_> {
    /// Opens the project that the global flags name, and says on which branch where that may surprise.
    pub fn open(&self) -> Result<Session, CommandError> {
        let session = self.open_quietly()?;
        self.printer.say(views::standing::text(&session));
        // What cannot be noticed now will be by the next command.
        let noticed = renames::notice(&session).unwrap_or_default();
        self.printer.say(views::standing::noticed(&noticed));
        Ok(session)
    }

    /// Opens the project for another program, which knows where it stands.
    pub fn open_quietly(&self) -> Result<Session, CommandError> {
        Ok(Session::open(&self.start()?)?)
    }

    /// Finds out where a verb stands that looks at no task.
    pub fn footing(&self) -> Result<Footing, CommandError> {
        Ok(Footing::open(&self.start()?, &self.typed())?)
    }

    /// Returns where the project is looked for.
    pub fn start(&self) -> Result<Start, CommandError> {
        let folder = self.folder()?;
        let config = self.global.config.as_ref().map(|path| folder.join(path));
        Ok(Start { folder, config, branch: self.global.branch.clone() })
    }

    /// Returns what was typed after a verb, with the graph that was named.
    pub fn words(&self, words: &[String], exclude: &[String]) -> Words {
        Words { graph: self.global.graph.clone(), words: words.to_vec(), exclude: exclude.to_vec() }
    }

    /// Returns the command line as it was typed, for who waits for this process.
    pub fn typed(&self) -> String {
        let words = std::env::args().skip(1).collect::<Vec<_>>();
        format!("kptn {}", words.join(" "))
    }

    /// Returns the time, in ms since the epoch.
    pub fn now_ms(&self) -> u64 {
        crate::task::now_ms()
    }

    /// Returns the folder from which the project is looked for, absolute.
    pub fn folder(&self) -> Result<PathBuf, CommandError> {
        let folder = self.global.project.clone().unwrap_or_else(|| PathBuf::from("."));
        std::path::absolute(&folder).map_err(|error| {
            CommandError::environment(format!("cannot find the folder `{}`", folder.display()))
                .because(&error)
        })
    }
}

/// Does what the command says.
pub fn run(command: &Command, context: &Context<'_>) -> Result<Exit, CommandError> {
    match command {
        Command::Init(args) => init::run(args, context),
        Command::Check(args) => check::run(args, context),
        Command::Status(args) => status::run(args, context),
        Command::Why(args) => why::run(args, context),
        Command::Plan(args) => plan::run(args, context),
        Command::Run(args) => run::run(args, context),
        Command::Retry(args) => retry::run(args, context),
        Command::Output(args) => output::run(args, context),
        Command::Path(args) => path::run(args, context),
        Command::Cat(args) => cat::run(args, context),
        Command::Env(args) => env::run(args, context),
        Command::Shell(args) => shell::run(args, context),
        Command::Debug(args) => debug::run(args, context),
        Command::Accept(args) => accept::run(args, context),
        Command::Invalidate(args) => invalidate::run(args, context),
        Command::Restore(args) => restore::run(args, context),
        Command::Clean(args) => clean::run(args, context),
        Command::Log(args) => log::run(args, context),
        Command::Branch(args) => branch::run(args, context),
        Command::Promote(args) => promote::run(args, context),
        Command::Tag(args) => tag::run(args, context),
        Command::Diff(args) => diff::run(args, context),
        Command::Undo(args) => undo::run(args, context),
        Command::Remote(args) => remote::run(args, context),
        Command::Push(args) => push::run(args, context),
        Command::Pull(args) => pull::run(args, context),
        Command::Fetch(args) => pull::fetch(args, context),
        Command::Graph(args) => graph::run(args, context),
        Command::Render(args) => render::run(args, context),
        Command::Deploy(args) => deploy::run(args, context),
        Command::Docker(args) => docker::run(args, context),
        Command::Config(args) => config::run(args, context),
        Command::Hooks(args) => hooks::run(args, context),
        Command::Hook(args) => hook::run(args, context),
        Command::Doctor(args) => doctor::run(args, context),
        Command::Du(args) => du::run(args, context),
        Command::Gc(args) => gc::run(args, context),
        Command::Fsck(args) => fsck::run(args, context),
        Command::Completions(args) => completions::run(args, context),
        Command::Man(args) => man::run(args, context),
        Command::Task(args) => task::run(args, context),
    }
}
