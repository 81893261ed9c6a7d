//! `kptn init`: writes a small project that works.

use std::path::PathBuf;

use serde::Serialize;

use super::Context;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::paint::Tone;
use crate::cli::views::Document;
use crate::ops::init::{self, Kind};
use crate::process;

/// Write a small working project, in R, Python or both
///
/// Asks nothing. Without a language: R where `Rscript` is on PATH, Python otherwise.
/// Nothing that exists is overwritten.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Tasks in R
    #[arg(long, group = "language")]
    pub r: bool,
    /// Tasks in Python
    #[arg(long, group = "language")]
    pub python: bool,
    /// Tasks in both
    #[arg(long, group = "language")]
    pub both: bool,
    /// The folder; made where it is not there
    #[arg(value_name = "DIR")]
    pub folder: Option<PathBuf>,
}

#[derive(Serialize)]
struct Written<'a> {
    folder: &'a std::path::Path,
    files: &'a [PathBuf],
}

/// Writes it.
pub fn run(args: &Args, context: &Context<'_>) -> Result<Exit, CommandError> {
    let path = std::env::var("PATH").unwrap_or_default();
    let kind = match (args.r, args.python, args.both) {
        (true, _, _) => Kind::R,
        (_, true, _) => Kind::Python,
        (_, _, true) => Kind::Both,
        _ if process::find_program("Rscript", &path).is_some() => Kind::R,
        _ => Kind::Python,
    };
    let here = context.folder()?;
    let folder = args.folder.as_ref().map_or_else(|| here.clone(), |folder| here.join(folder));
    let files = init::init(&folder, kind)?;
    let printer = &context.printer;
    if printer.json {
        printer.document(&Document::of(Written { folder: &folder, files: &files }));
        return Ok(Exit::FINE);
    }
    for file in &files {
        let shown = args.folder.as_deref().map_or_else(|| file.clone(), |folder| folder.join(file));
        printer.say(format!("{} {}", Tone::Good.paint("wrote"), shown.display()));
    }
    let there = args.folder.as_ref().map(|folder| format!("cd {} && ", folder.display())).unwrap_or_default();
    printer.hint(format!("`{there}kptn run` runs it, and `kptn status` shows how it stands"));
    Ok(Exit::FINE)
}
