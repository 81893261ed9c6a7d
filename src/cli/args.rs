//! The command line: global flags, the list of commands, and what became of older ones.
//!
//! Each command's own flags are in its file under `commands/`; its help is the
//! doc comment on its `Args`. Nothing here reads a file or looks at git, so
//! `kptn --version` costs no more than parsing.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args, Parser, Subcommand};

use super::commands;
use super::complete;
use super::gone;
use super::printer::{Color, Volume};

/// git for the state of a data pipeline
///
/// kptn runs the R scripts and Python functions that a `kptn.yaml` names, only where they
/// are stale, and says why. Run `kptn init` for a small project to start from.
#[derive(Debug, Parser)]
#[command(name = "kptn", version, disable_help_subcommand = true, max_term_width = 100)]
pub struct Arguments {
    /// What every command takes.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Flags that every command takes.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// Look for the project from this folder
    #[arg(short = 'C', long = "project", value_name = "DIR", global = true)]
    pub project: Option<PathBuf>,
    /// Use this `kptn.yaml`
    #[arg(long, value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
    /// The branch whose state is meant, whatever git has checked out
    #[arg(short = 'b', long, value_name = "BRANCH", global = true, add = complete::branches())]
    pub branch: Option<String>,
    /// The graph that is meant
    #[arg(short = 'g', long = "graph", value_name = "GRAPH", global = true, add = complete::graphs())]
    pub graph: Option<String>,
    /// Print data as JSON
    #[arg(long, global = true)]
    pub json: bool,
    /// Say errors alone
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Say more; tasks' own lines too
    #[arg(short, long, global = true)]
    pub verbose: bool,
    /// When to use colours
    #[arg(
        long,
        value_name = "WHEN",
        value_enum,
        default_value_t,
        global = true,
        hide_possible_values = true
    )]
    pub color: Color,
}

impl Global {
    /// Returns the flags about the display, as they would be typed.
    pub fn display_flags(&self) -> Vec<String> {
        let color = match self.color {
            Color::Auto => None,
            Color::Always => Some("--color=always"),
            Color::Never => Some("--color=never"),
        };
        let volume = match self.volume() {
            Volume::Quiet => Some("--quiet"),
            Volume::Normal => None,
            Volume::Verbose => Some("--verbose"),
        };
        color.into_iter().chain(volume).map(str::to_owned).collect()
    }

    /// Returns how much is to be said.
    pub fn volume(&self) -> Volume {
        match (self.quiet, self.verbose) {
            (true, _) => Volume::Quiet,
            (_, true) => Volume::Verbose,
            _ => Volume::Normal,
        }
    }
}

/// The commands, in the order of a day's work.
#[derive(Debug, Subcommand)]
pub enum Command {
    Init(commands::init::Args),
    Check(commands::check::Args),
    Status(commands::status::Args),
    Why(commands::why::Args),
    Plan(commands::plan::Args),
    Run(commands::run::Args),
    Retry(commands::retry::Args),
    #[command(visible_alias = "logs")]
    Output(commands::output::Args),
    Path(commands::path::Args),
    Cat(commands::cat::Args),
    Env(commands::env::Args),
    Shell(commands::shell::Args),
    Debug(commands::debug::Args),
    Accept(commands::accept::Args),
    Invalidate(commands::invalidate::Args),
    Restore(commands::restore::Args),
    Clean(commands::clean::Args),
    Log(commands::log::Args),
    Branch(commands::branch::Args),
    Promote(commands::promote::Args),
    Tag(commands::tag::Args),
    Diff(commands::diff::Args),
    Undo(commands::undo::Args),
    Remote(commands::remote::Args),
    Push(commands::push::Args),
    Pull(commands::pull::Args),
    Fetch(commands::pull::FetchArgs),
    Graph(commands::graph::Args),
    #[command(visible_alias = "codegen")]
    Render(commands::render::Args),
    Deploy(commands::deploy::Args),
    Docker(commands::docker::Args),
    Config(commands::config::Args),
    Hooks(commands::hooks::Args),
    #[command(hide = true)]
    Hook(commands::hook::Args),
    Doctor(commands::doctor::Args),
    Du(commands::du::Args),
    Gc(commands::gc::Args),
    Fsck(commands::fsck::Args),
    Completions(commands::completions::Args),
    Man(commands::man::Args),
    Task(commands::task::Args),
}

/// What the words of the command line came to.
#[derive(Debug)]
pub enum Parsed {
    /// Something to do.
    Command(Box<Arguments>),
    /// `--help` or `--version`: text to print.
    Text(String),
    /// They cannot be used: the whole message, painted.
    Refused(String),
}

/// Parses the words of the command line, the program's name first.
pub fn parse(words: impl IntoIterator<Item = OsString>) -> Parsed {
    let words: Vec<OsString> = words.into_iter().collect();
    let error = match Arguments::try_parse_from(&words) {
        Ok(arguments) => return Parsed::Command(Box::new(arguments)),
        Err(error) => error,
    };
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Parsed::Text(error.render().ansi().to_string()),
        _ => Parsed::Refused(refusal(&error)),
    }
}

fn refusal(error: &clap::Error) -> String {
    let mut text = error.render().ansi().to_string();
    let named = [ContextKind::InvalidSubcommand, ContextKind::InvalidArg].into_iter();
    for value in named.filter_map(|kind| error.get(kind)) {
        let ContextValue::String(word) = value else { continue };
        match (error.kind(), gone::command(word), gone::flag(word)) {
            (ErrorKind::InvalidSubcommand, Some(way), _) => return gone::message("command", word, way),
            (ErrorKind::UnknownArgument, _, Some(way)) => return gone::message("option", word, way),
            _ => {}
        }
    }
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::cli::width::strip;

    fn refused(words: &[&str]) -> String {
        match parse(words.iter().map(OsString::from)) {
            Parsed::Refused(text) => strip(&text),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_definition_holds_together() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_command_of_an_older_kptn_names_the_new_way() {
        insta::assert_snapshot!(refused(&["kptn", "watch-files"]), @"
        error: the command `watch-files` of an older kptn is gone
        hint: nothing has to be served: `kptn status` and `kptn why TASK` say what the page showed
        ");
        insta::assert_snapshot!(refused(&["kptn", "run", "basic", "--local"]), @"
        error: the option `--local` of an older kptn is gone
        hint: `kptn run` always runs here
        ");
        insta::assert_snapshot!(refused(&["kptn", "codegen", "-p", "x"]), @"
        error: the option `-p` of an older kptn is gone
        hint: `-C DIR` names the project's folder
        ");
    }

    #[test]
    fn a_misspelt_command_is_answered_with_the_near_one() {
        insta::assert_snapshot!(refused(&["kptn", "stauts"]), @"
        error: unrecognized subcommand 'stauts'

          tip: a similar subcommand exists: 'status'

        Usage: kptn [OPTIONS] <COMMAND>

        For more information, try '--help'.
        ");
    }

    #[test]
    fn global_flags_stand_before_or_after_the_command() {
        for words in [["kptn", "-q", "status"], ["kptn", "status", "-q"]] {
            let Parsed::Command(arguments) = parse(words.iter().map(OsString::from)) else { panic!() };
            assert_eq!(arguments.global.volume(), Volume::Quiet);
        }
    }

    #[test]
    fn aliases_are_the_commands_themselves() {
        for (alias, is) in [("codegen", "Render"), ("logs", "Output")] {
            let words = ["kptn", alias, "A"].map(OsString::from);
            let Parsed::Command(arguments) = parse(words) else { panic!("{alias}") };
            assert!(format!("{:?}", arguments.command).starts_with(is));
        }
    }
}
