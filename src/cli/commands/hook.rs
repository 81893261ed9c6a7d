//! `kptn hook`: what the scripts in git's hooks folder call.

use std::io::{IsTerminal, Read};
use std::path::Path;

use super::Context;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::views;
use crate::config::ConfigError;
use crate::ops::OpsError;
use crate::ops::hooks::{self, Call, Said};

/// Do what a git hook of this name has to do
///
/// Called by the scripts that `kptn hooks install` writes. Leaves with 3 where a push is refused,
/// else with 0, whatever goes wrong.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The hook: post-checkout, post-commit, post-merge, post-rewrite or pre-push
    #[arg(value_name = "NAME")]
    pub name: String,
    /// What git gave it
    #[arg(value_name = "ARG", trailing_var_arg = true, allow_hyphen_values = true)]
    pub arguments: Vec<String>,
}

/// Does it.
pub fn run(args: &Args, context: &Context<'_>) -> Result<Exit, CommandError> {
    let printer = &context.printer;
    let (mut refused, mut lines) = (false, Vec::new());
    let call = call(args);
    let mut said = |root: &Path, one: Said| {
        refused |= matches!(one, Said::Pushed { refused: true, .. });
        lines.push((root.to_owned(), one));
    };
    let mut failed = |error: OpsError| {
        // What is wrong with the configuration is said by every other command.
        if !matches!(error, OpsError::Config(ConfigError::NotFound { .. } | ConfigError::Invalid { .. })) {
            printer.say(format!("kptn: {}", views::chain(&error)));
        }
    };
    if let Err(error) = hooks::fire(&context.folder()?, &call, &mut said, &mut failed) {
        failed(error);
    }
    let several = lines.iter().any(|(root, _)| Some(root) != lines.first().map(|(root, _)| root));
    for (root, one) in &lines {
        let project = several.then(|| root.file_name().unwrap_or_default().to_string_lossy().into_owned());
        printer.say(views::hooks::line(project.as_deref(), one));
    }
    Ok(if refused { Exit::CONFLICT } else { Exit::FINE })
}

/// Takes what pre-commit hands to hooks in variables for what git gave it.
fn call(args: &Args) -> Call {
    let said = |name: &str| std::env::var(name).unwrap_or_default();
    let (mut arguments, mut input) = (args.arguments.clone(), String::new());
    let by_pre_commit = arguments.is_empty() && std::env::var_os("PRE_COMMIT").is_some();
    match (args.name.as_str(), by_pre_commit) {
        ("post-checkout", true) => {
            arguments =
                ["PRE_COMMIT_FROM_REF", "PRE_COMMIT_TO_REF", "PRE_COMMIT_CHECKOUT_TYPE"].map(said).to_vec();
        }
        ("post-rewrite", true) => arguments = vec![said("PRE_COMMIT_REWRITE_COMMAND")],
        ("pre-push", true) => input = format!("HEAD {} - -", said("PRE_COMMIT_TO_REF")),
        ("pre-push", false) if !std::io::stdin().is_terminal() => {
            let mut bytes = Vec::new();
            // What cannot be read names no commit.
            let _ = std::io::stdin().lock().read_to_end(&mut bytes);
            input = String::from_utf8_lossy(&bytes).into_owned();
        }
        _ => {}
    }
    Call { name: args.name.clone(), arguments, input }
}
