//! `kptn run`: runs what is stale.

use super::Context;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;

/// Run what is stale, in parallel, and skip what is fresh
///
/// The first word is a graph if one has that name. Tasks are selected as dbt does it: `A`, `+A`
/// (with what is before it), `A+` (with what depends on it), `A+2`, `clean_*`, `tag:x`,
/// `state:failed`. A selection whose dependencies are stale runs nothing, and says both ways on.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to run
    #[command(flatten)]
    pub selection: Selection,
    /// How to run it
    #[command(flatten)]
    pub manner: Manner,
    /// Say what would be done, and do nothing
    #[arg(short = 'n', long)]
    pub dry_run: bool,
}

/// Which tasks, of which graph.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Selection {
    /// A graph, then tasks; without tasks the whole graph
    #[arg(value_name = "GRAPH|TASK")]
    pub words: Vec<String>,
    /// Leave these out
    #[arg(long, value_name = "TASK")]
    pub exclude: Vec<String>,
    /// Take stale dependencies as they are
    #[arg(long)]
    pub no_deps: bool,
    /// Run fresh tasks too, and reuse nothing
    #[arg(short, long)]
    pub force: bool,
    /// Run these items of the mapped task alone
    #[arg(long, value_name = "ITEM")]
    pub item: Vec<String>,
}

impl Selection {
    /// Returns the words, split at commas as kptn 0.1 took them.
    pub fn words(&self) -> Vec<String> {
        let split = self.words.iter().flat_map(|word| word.split(','));
        split.map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect()
    }
}

/// How tasks are run.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Manner {
    /// At most so many tasks (or items) at once; one a core otherwise
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub jobs: Option<u32>,
    /// Go on with what does not depend on a failed task
    #[arg(short, long)]
    pub keep_going: bool,
    /// Wait for a run that holds the branch or the output folder
    #[arg(long)]
    pub wait: bool,
}

/// Does it.
pub fn run(_args: &Args, _context: &Context<'_>) -> Result<Exit, CommandError> {
    Err(CommandError::environment("`kptn run` is not in this build yet"))
}
