//! `kptn remote`: the places that state is pushed to and pulled from.

use serde::Serialize;

use super::Context;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::views::{self, Document};
use crate::ops::remotes::{self, RemoteRow};
use crate::remote::Role;

/// List remotes, try what one allows, or print the rights that it needs
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to do; `list` where nothing is said
    #[command(subcommand)]
    pub action: Option<Action>,
}

/// What to do.
#[derive(Debug, clap::Subcommand)]
pub enum Action {
    /// List the remotes of this project
    List,
    /// Try to read, to write and to write conditionally; leaves nothing behind
    Check {
        /// The remote's name in `kptn.yaml`; the only one where nothing is said
        remote: Option<String>,
    },
    /// Print the least IAM policy for who uses a bucket
    Policy {
        /// The remote's name in `kptn.yaml`; the only one where nothing is said
        remote: Option<String>,
        /// For whom: who pulls, who pushes, who pushes protected branches too, who runs `gc --remote`
        #[arg(long = "for", value_name = "ROLE", default_value = "writer")]
        role: For,
    },
}

/// Whose rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum For {
    /// Who pulls
    Reader,
    /// Who pushes branches that are not protected
    Writer,
    /// Who pushes protected branches too
    ProtectedWriter,
    /// Who runs `kptn gc --remote`
    Collector,
}

impl From<For> for Role {
    fn from(role: For) -> Self {
        match role {
            For::Reader => Self::Reader,
            For::Writer => Self::Writer,
            For::ProtectedWriter => Self::ProtectedWriter,
            For::Collector => Self::Collector,
        }
    }
}

#[derive(Serialize)]
struct Remotes<'a> {
    remotes: &'a [RemoteRow],
}

/// Does it.
pub fn run(args: &Args, context: &Context<'_>) -> Result<Exit, CommandError> {
    let session = context.open()?;
    let printer = &context.printer;
    match &args.action {
        None | Some(Action::List) => {
            let rows = remotes::list(&session);
            if printer.json {
                printer.document(&Document::of(Remotes { remotes: &rows }));
            } else {
                printer.data(views::remotes::list(&rows, printer.data_width()));
            }
            Ok(Exit::FINE)
        }
        Some(Action::Policy { remote, role }) => {
            let policy = remotes::policy(&session, remote.as_deref(), (*role).into())?;
            printer.data(format!("{policy:#}\n"));
            Ok(Exit::FINE)
        }
        Some(Action::Check { remote }) => {
            let check = remotes::check(&session, remote.as_deref())?;
            if printer.json {
                printer.document(&Document::of(&check));
            } else {
                printer.say(views::remotes::checked(&check));
            }
            Ok(if check.is_fine() { Exit::FINE } else { Exit::ENVIRONMENT })
        }
    }
}
