//! `kptn remote`: the places that state is pushed to and pulled from.

use serde::Serialize;

use super::Context;
use super::branch::show;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::views::{self, Document};
use crate::model::{BranchName, RemoteSettings};
use crate::ops::remotes::{self, RemoteRow, Writing};
use crate::ops::{Session, Start};
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
    /// Write a remote into `kptn.yaml`; everything else of the file stays as it is
    Add(Add),
    /// Try to read, to write and to write conditionally; leaves nothing behind
    Check {
        /// The remote's name in `kptn.yaml`; the only one where nothing is said
        remote: Option<String>,
    },
    /// Print the least IAM policy for who uses a bucket
    Policy {
        /// The remote's name in `kptn.yaml`; the only one where nothing is said
        remote: Option<String>,
        /// For whom: who pulls, who pushes, who pushes protected branches too, who carries out tasks, who runs `gc --remote`
        #[arg(long = "for", value_name = "ROLE", default_value = "writer")]
        role: For,
    },
}

/// A remote.
#[derive(Debug, clap::Args)]
pub struct Add {
    /// What people will call it: `prod`, `team`
    pub name: String,
    /// Where it is: `s3://bucket/prefix`, `file:///folder`; `--branch` names the branch that is meant there
    pub url: String,
    /// Nothing is ever pushed to it
    #[arg(long)]
    pub read_only: bool,
    /// The address of a server that speaks S3 and is not AWS
    #[arg(long, value_name = "URL")]
    pub endpoint: Option<String>,
    /// The AWS region; what the environment says where nothing is said
    #[arg(long)]
    pub region: Option<String>,
    /// The bucket stands in the path, not in the host's name
    #[arg(long)]
    pub path_style: bool,
    /// The AWS profile whose credentials are used
    #[arg(long)]
    pub profile: Option<String>,
    /// Where branches and runs are, if not in the bucket: `dynamodb://table`
    #[arg(long, value_name = "URL")]
    pub refs: Option<String>,
    /// Only say what would be written
    #[arg(short = 'n', long)]
    pub dry_run: bool,
}

fn add(args: &Add, context: &Context<'_>) -> Result<Exit, CommandError> {
    let start = context.start()?;
    // Here it says which branch is meant there.
    let branch = start.branch.as_deref().map(BranchName::parse).transpose();
    let branch = branch.map_err(|error| CommandError::usage(error.to_string()))?;
    let session = Session::open(&Start { branch: None, ..start })?;
    let settings = RemoteSettings {
        url: args.url.clone(),
        branch,
        writable: !args.read_only,
        endpoint: args.endpoint.clone(),
        region: args.region.clone(),
        path_style: args.path_style.then_some(true),
        profile: args.profile.clone(),
        refs: args.refs.clone(),
    };
    let writing = if args.dry_run { Writing::No } else { Writing::Yes };
    let report = remotes::add(&session, &args.name, &settings, writing)?;
    show(context, &report, views::remotes::added(&report))
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
    /// Who carries out tasks of a run that another machine opens and closes
    Worker,
    /// Who opens and closes such runs as well: the jobs of AWS Step Functions
    Jobs,
    /// Who runs `kptn gc --remote`
    Collector,
}

impl From<For> for Role {
    fn from(role: For) -> Self {
        match role {
            For::Reader => Self::Reader,
            For::Writer => Self::Writer,
            For::ProtectedWriter => Self::ProtectedWriter,
            For::Worker => Self::Worker,
            For::Jobs => Self::Jobs,
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
    if let Some(Action::Add(args)) = &args.action {
        return add(args, context);
    }
    let session = context.open()?;
    let printer = &context.printer;
    match &args.action {
        Some(Action::Add(_)) => Ok(Exit::FINE),
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
