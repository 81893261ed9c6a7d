//! `kptn deploy aws`: what is shown, what is asked, and the order of the steps.
//!
//! ```text
//! new     propose without machines ─ ask ─ apply ─ follow ─► there
//! there   propose ─ ask, unless that was just done ─ kptn.yaml ─ image ─ texts ─ apply ─ follow
//! ```

use serde::Serialize;

use super::Context;
use crate::aws::{Change, Outputs, Stack, Standing};
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::paint::Tone;
use crate::cli::stack_events::StackEvents;
use crate::cli::views::{self, Document};
use crate::cli::{terminal, words};
use crate::ops::deploy::aws::{
    Begun, DeployError, Deployment, ImageChoice, ImagePlan, Machines, Wanted, Written,
};
use crate::ops::runner::Rendering;
use crate::ops::{OpsError, Session};

/// Flags of `deploy aws`.
#[derive(Debug, clap::Args)]
pub struct Aws {
    /// The stack; what `settings.aws.stack` says, else `kptn-` and the name of the project's folder
    #[arg(long, value_name = "NAME")]
    pub stack: Option<String>,
    /// The region; what `settings.aws.region` or the AWS environment says where nothing is said
    #[arg(long, value_name = "NAME")]
    pub region: Option<String>,
    /// The profile of AWS's own files; what `settings.aws.profile` or the environment says where nothing is said
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
    /// Give the template a value, such as `MaxVcpus=64`; it stays until another one is given. The head of
    /// `flows/aws/template.yaml` lists them
    #[arg(short, long = "parameter", value_name = "NAME=VALUE")]
    pub parameters: Vec<String>,
    /// Neither build nor push an image: jobs keep the one that they have
    #[arg(long, conflicts_with = "rebuild")]
    pub no_image: bool,
    /// Build and push the image though the repository has one of the same files, as for updates of what it builds on
    #[arg(long)]
    pub rebuild: bool,
    /// What `kptn.yaml` calls the stack's remote; as it does already, else `prod`, where nothing is said
    #[arg(long, value_name = "NAME")]
    pub remote: Option<String>,
    /// Show all that would be done, and change nothing
    #[arg(short = 'n', long)]
    pub dry_run: bool,
    /// Ask nothing
    #[arg(long)]
    pub yes: bool,
    /// Remove the stack; the bucket and the state in it stay
    #[arg(long, conflicts_with_all = ["parameters", "no_image", "rebuild"])]
    pub destroy: bool,
}

/// What came of it.
#[derive(Debug, Serialize)]
pub(super) struct Report<'a> {
    pub stack: &'a str,
    pub region: &'a str,
    pub account: &'a str,
    pub dry_run: bool,
    /// What has changed, or would.
    pub changes: Vec<Change>,
    pub outputs: Outputs,
}

/// Deploys.
pub fn run(args: &Aws, context: &Context<'_>) -> Result<Exit, CommandError> {
    let session = context.open_quietly()?;
    let wanted = Wanted {
        stack: args.stack.clone(),
        region: args.region.clone(),
        profile: args.profile.clone(),
        parameters: args.parameters.clone(),
        image: match (args.no_image, args.rebuild) {
            (true, _) => ImageChoice::Never,
            (_, true) => ImageChoice::Anew,
            _ => ImageChoice::WhereMissing,
        },
        remote: args.remote.clone(),
    };
    if args.destroy {
        return super::deploy_aws_destroy::run(args, &session, &wanted, context);
    }
    deploy(args, &session, &wanted, context)
}

fn deploy(
    args: &Aws,
    session: &Session,
    wanted: &Wanted,
    context: &Context<'_>,
) -> Result<Exit, CommandError> {
    let printer = &context.printer;
    let rendering = if args.dry_run { Rendering::Check } else { Rendering::Write };
    let deployment = Deployment::prepare(session, wanted, rendering)?;
    printer.say(views::files::rendered(&deployment.files, &std::env::current_dir().unwrap_or_default()));
    let shown = Shown { args, context, deployment: &deployment };
    let mut stack = shown.settled()?;
    let mut changes = Vec::new();
    deployment.refuse_other_remotes(stack.as_ref())?;
    deployment.refuse_no_image(stack.as_ref())?;
    let asked = stack.is_none();
    if asked {
        changes = shown.begin()?;
        if args.dry_run {
            return shown.end(changes, Outputs::new(), &Written::default());
        }
        stack = deployment.find()?;
    }
    let Some(stack) = stack else {
        let error = DeployError::NoStack {
            stack: deployment.stack.clone(),
            region: deployment.aws.region().to_owned(),
        };
        return Err(error.into());
    };
    let written = deployment.plan_written(&stack)?;
    changes.extend(shown.bring_up_to_date(&stack, &written, asked)?);
    let outputs = deployment.find()?.map(|stack| stack.outputs).unwrap_or_default();
    shown.end(changes, outputs, &written)
}

/// A deployment, with somebody who looks.
pub(super) struct Shown<'a> {
    pub args: &'a Aws,
    pub context: &'a Context<'a>,
    pub deployment: &'a Deployment<'a>,
}

impl Shown<'_> {
    /// Waits for what AWS was in the middle of, and removes what never came to be. Returns the stack; absent for a new one.
    fn settled(&self) -> Result<Option<Stack>, CommandError> {
        let printer = &self.context.printer;
        let found = self.deployment.find_ours()?;
        printer.say(views::deploy::heading(self.deployment, found.as_ref(), printer.width()));
        let Some(stack) = found else { return Ok(None) };
        match stack.standing() {
            standing @ (Standing::Whole | Standing::Looked) => {
                if !self.args.dry_run {
                    self.deployment.drop_abandoned()?;
                }
                Ok((standing == Standing::Whole).then_some(stack))
            }
            Standing::Stuck => {
                Err(DeployError::Stuck { stack: self.deployment.stack.clone(), status: stack.status }.into())
            }
            Standing::Going | Standing::Leaving if self.args.dry_run => {
                Err(DeployError::AtWork { stack: self.deployment.stack.clone(), status: stack.status }.into())
            }
            Standing::Going | Standing::Leaving => {
                printer.say("AWS is at work on it since earlier: waiting for that");
                let last = self.deployment.aws.last_event(&self.deployment.stack).map_err(OpsError::from)?;
                // What failed is said by what it has become.
                drop(self.follow(&stack.id, Begun::Earlier, last, 0)?);
                self.settled()
            }
            Standing::Wrecked | Standing::HalfGone => {
                let failure = self.deployment.first_failure()?;
                let why = failure
                    .map_or_else(String::new, |event| format!(": `{}` failed: {}", event.name, event.reason));
                printer.say(format!(
                    "{} it never came to be{why}; what is left of it is removed, and it is made anew",
                    Tone::Warn.paint("note:")
                ));
                if self.args.dry_run {
                    return Err(CommandError::new(
                        Exit::FAILED,
                        "what it would be can be told once that is removed",
                    ));
                }
                self.confirm("remove what is left?")?;
                let last = self.deployment.aws.last_event(&self.deployment.stack).map_err(OpsError::from)?;
                self.deployment.aws.remove_stack(&self.deployment.stack).map_err(OpsError::from)?;
                self.well(&stack.id, last, 0)?;
                Ok(None)
            }
        }
    }

    /// Makes a new stack, all but its machines.
    fn begin(&self) -> Result<Vec<Change>, CommandError> {
        let (deployment, printer) = (self.deployment, &self.context.printer);
        let image = deployment.plan_image(None, &Default::default())?;
        self.refuse_unready(image.as_ref(), deployment.writes_of_new())?;
        let proposal = self.proposed(|| deployment.propose(None, Machines::No, None))?;
        let width = printer.width();
        printer.say(views::deploy::parameters(&proposal.parameters, width));
        printer.say(views::deploy::changes(&proposal.changes, width));
        let machines = deployment.machines.len() as u64;
        printer.say(format!(
            "then {}, once their texts are in its bucket, and an image in its repository",
            words::count(machines, "state machine", "state machines")
        ));
        if self.args.dry_run {
            if let Some(plan) = &image {
                printer.data(views::deploy::image(plan));
            }
            deployment.drop_proposal()?;
            return Ok(proposal.changes);
        }
        self.ask_or_drop(&format!("make the stack `{}`?", deployment.stack))?;
        let last = deployment.apply()?;
        self.well(&deployment.stack, last, proposal.changes.len())?;
        Ok(proposal.changes)
    }

    /// Brings a stack that is there up to date, with all that belongs to it.
    fn bring_up_to_date(
        &self,
        stack: &Stack,
        written: &Written,
        asked: bool,
    ) -> Result<Vec<Change>, CommandError> {
        let (deployment, printer, width) =
            (self.deployment, &self.context.printer, self.context.printer.width());
        let image = deployment.plan_image(Some(stack), written)?;
        self.refuse_unready(image.as_ref(), written.after.is_some())?;
        let tag = image.as_ref().map(|plan| plan.tag.as_str());
        let bucket = deployment.bucket(Some(stack));
        let bucket =
            bucket.ok_or(DeployError::NotOurs { stack: deployment.stack.clone(), output: "BucketName" })?;
        let missing = deployment.missing(&bucket)?;
        let proposal = self.proposed(|| deployment.propose(Some(stack), Machines::Yes, tag))?;
        let builds = image.as_ref().is_some_and(|plan| plan.build.is_some());
        printer.say(views::deploy::written(written));
        let left = views::deploy::left_to_people(written);
        if !left.is_empty() {
            printer.insist(left);
        }
        if proposal.changes.is_empty() && written.after.is_none() && !builds && missing.is_empty() {
            if let Some(plan) = image.as_ref().filter(|_| !self.args.dry_run) {
                deployment.say_code(&bucket, plan)?;
            }
            printer.say(format!("{} is up to date", deployment.stack));
            return Ok(Vec::new());
        }
        printer.say(views::deploy::parameters(&proposal.parameters, width));
        printer.say(views::deploy::changes(&proposal.changes, width));
        printer.say(views::deploy::uploads(&missing, &bucket));
        if let Some(plan) = &image {
            if self.args.dry_run {
                printer.data(views::deploy::image(plan))
            } else {
                printer.say(views::deploy::image(plan))
            }
        }
        if self.args.dry_run {
            deployment.drop_proposal()?;
            return Ok(proposal.changes);
        }
        if !asked {
            self.ask_or_drop(&format!("change the stack `{}` so?", deployment.stack))?;
        }
        // What goes into the image comes before it.
        deployment.write(written)?;
        if let Some(plan) = &image
            && let Err(error) = deployment.make_image(plan).and_then(|()| deployment.say_code(&bucket, plan))
        {
            deployment.drop_proposal()?;
            return Err(error.into());
        }
        deployment.upload(&bucket, &missing)?;
        if !proposal.changes.is_empty() {
            let last = deployment.apply()?;
            self.well(&deployment.stack, last, proposal.changes.len())?;
        }
        Ok(proposal.changes)
    }

    /// Finds out whether what is here lets it be carried out; who only looks needs nothing of that.
    fn refuse_unready(&self, image: Option<&ImagePlan>, writes: bool) -> Result<(), OpsError> {
        if self.args.dry_run { Ok(()) } else { self.deployment.refuse_unready(image, writes) }
    }

    /// Asks AWS for a proposal; what is left of one that failed is removed.
    fn proposed<T>(&self, propose: impl FnOnce() -> Result<T, OpsError>) -> Result<T, CommandError> {
        propose().map_err(|error| {
            // What failed is what matters.
            drop(self.deployment.drop_proposal());
            error.into()
        })
    }

    /// Follows what was just begun; an error where it does not end well.
    pub fn well(&self, id: &str, last: Option<String>, all: usize) -> Result<(), CommandError> {
        let followed = self.follow(id, Begun::Now, last, all)?;
        if followed.is_well() {
            return Ok(());
        }
        let (stack, status, failure) =
            (self.deployment.stack.clone(), followed.status, followed.failure.map(Box::new));
        Err(DeployError::NotDone { stack, status, failure }.into())
    }

    pub fn follow(
        &self,
        id: &str,
        begun: Begun,
        last: Option<String>,
        all: usize,
    ) -> Result<crate::ops::deploy::aws::Followed, CommandError> {
        let mut events = StackEvents::new(&self.context.printer, all);
        Ok(self.deployment.follow(id, begun, last, &mut |event| events.hear(event))?)
    }

    /// Asks; what was proposed is dropped where the answer is no.
    fn ask_or_drop(&self, question: &str) -> Result<(), CommandError> {
        self.confirm(question).inspect_err(|_| drop(self.deployment.drop_proposal()))
    }

    /// Asks a person; without one, `--yes` has to say it.
    pub fn confirm(&self, question: &str) -> Result<(), CommandError> {
        if self.args.yes {
            return Ok(());
        }
        if !terminal::stdin_is_terminal() || !terminal::stderr_is_terminal() {
            return Err(CommandError::usage("nobody is here to be asked, and nothing was changed")
                .hint("`--yes` says yes beforehand, `--dry-run` only shows it"));
        }
        match terminal::confirm(question) {
            true => Ok(()),
            false => Err(CommandError::new(Exit::FAILED, "nothing was changed")),
        }
    }

    /// Says what there is now, and what one does with it.
    fn end(&self, changes: Vec<Change>, outputs: Outputs, written: &Written) -> Result<Exit, CommandError> {
        let (deployment, printer) = (self.deployment, &self.context.printer);
        if printer.json {
            printer.document(&Document::of(Report {
                stack: &deployment.stack,
                region: deployment.aws.region(),
                account: &deployment.identity.account,
                dry_run: self.args.dry_run,
                changes,
                outputs,
            }));
            return Ok(Exit::FINE);
        }
        if self.args.dry_run {
            printer.say("nothing was changed");
            return Ok(Exit::FINE);
        }
        printer.say(views::deploy::outputs(&outputs, printer.width()));
        printer.hint(views::deploy::what_now(written));
        Ok(Exit::FINE)
    }
}
