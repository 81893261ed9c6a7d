//! `kptn deploy aws --destroy`: says what goes and what stays, asks for the stack's name, and removes it.

use super::Context;
use super::deploy_aws::{Aws, Report, Shown};
use crate::aws::{Outputs, Standing};
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::terminal;
use crate::cli::views::{self, Document};
use crate::ops::Session;
use crate::ops::deploy::aws::{Begun, Deployment, Wanted};

/// Removes.
pub fn run(
    args: &Aws,
    session: &Session,
    wanted: &Wanted,
    context: &Context<'_>,
) -> Result<Exit, CommandError> {
    let printer = &context.printer;
    let (deployment, stack) = Deployment::to_remove(session, wanted)?;
    let shown = Shown { args, context, deployment: &deployment };
    printer.say(views::deploy::heading(&deployment, Some(&stack), printer.width()));
    let removal = deployment.plan_removal(&stack)?;
    printer.say(views::deploy::removal(&removal, printer.width()));
    if args.dry_run {
        printer.say("nothing was changed");
        return Ok(Exit::FINE);
    }
    if stack.standing() == Standing::Going {
        printer.say("AWS is at work on it since earlier: waiting for that");
        let last = deployment.aws.last_event(&stack.id).map_err(crate::ops::OpsError::from)?;
        drop(shown.follow(&stack.id, Begun::Earlier, last, 0)?);
    }
    confirm(&shown, &deployment.stack)?;
    let last = deployment.remove(&removal)?;
    shown.well(&stack.id, last, removal.goes.len())?;
    if printer.json {
        printer.document(&Document::of(Report {
            stack: &deployment.stack,
            region: deployment.aws.region(),
            account: &deployment.identity.account,
            dry_run: false,
            changes: Vec::new(),
            outputs: Outputs::new(),
        }));
        return Ok(Exit::FINE);
    }
    printer.say(format!("{} is gone", deployment.stack));
    if let Some(remote) = &removal.remote {
        printer.hint(format!(
            "{remote} stays: `kptn pull {}` brings from it, `kptn deploy aws` uses it again",
            deployment.remote_name(Some(remote))
        ));
    }
    Ok(Exit::FINE)
}

/// Has a person type the stack's name.
fn confirm(shown: &Shown<'_>, stack: &str) -> Result<(), CommandError> {
    if shown.args.yes || !terminal::stdin_is_terminal() {
        return shown.confirm("");
    }
    match terminal::typed("type the stack's name to remove it:").as_deref() == Some(stack) {
        true => Ok(()),
        false => Err(CommandError::new(Exit::FAILED, "nothing was changed")),
    }
}
