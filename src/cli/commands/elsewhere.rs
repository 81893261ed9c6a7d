//! `kptn run --runner stepfunctions`: AWS carries the run out, and it looks like a run of this machine.

use std::sync::Arc;

use super::Context;
use super::run::{self, Args};
use super::task::live;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::live::{JsonLines, Live};
use crate::cli::{terminal, views};
use crate::model::Event;
use crate::ops::follow::elsewhere::{self, Beginning, ENGINE, Ended, Found, OnInterrupt};
use crate::task::Listener;

/// What was left by Ctrl-C.
const LEFT: Exit = Exit(128 + 2);

/// Starts an execution, or finds the one that goes on, and follows it.
pub fn run(args: &Args, context: &Context<'_>) -> Result<Exit, CommandError> {
    let (session, start, printer) = (context.open()?, context.start()?, &context.printer);
    let request = run::request(&args.selection, &args.manner, context)?;
    let prepared = elsewhere::prepare(&start, &request.words, args.follow)?;
    let live = Arc::new(live(context, &session).of_runner(ENGINE));
    let here = session.key.branch.clone();
    drop(session);
    let mut listeners: Vec<Arc<dyn Listener>> = vec![live.clone()];
    if printer.json {
        listeners.push(Arc::new(JsonLines::new(std::io::stdout())));
    }
    let deployed = &prepared.deployed;
    // Who asks to follow may have changed branches since.
    for (run, branch) in prepared.on_others.iter().filter(|_| args.follow) {
        let goes_on = views::run::goes_on(run, branch.as_str());
        live.aside(|| printer.say(format!("no run goes on on `{here}`; {goes_on}")));
    }
    let begun = match prepared.going_on {
        Some(begun) => {
            if !args.selection.words.is_empty() {
                live.aside(|| {
                    printer.say("a run goes on, and is followed: what was selected is not looked at")
                });
            }
            begun
        }
        None => match elsewhere::begin(&start, &request, deployed, listeners.clone())? {
            Beginning::Begun(begun) => *begun,
            Beginning::Nothing(report) => {
                run::show(&report, printer);
                return Ok(run::exit_of(&report));
            }
        },
    };
    let execution = begun.execution.clone();
    let (run, page) = (begun.plan.id.clone(), deployed.page(&execution));
    // Another process told how it began, when it opened the run.
    let found = (begun.found != Found::New).then(|| Event::run_started(&begun.plan, None));
    for event in found.into_iter().chain([Event::ExecutionStarted { run, execution, page }]) {
        listeners.iter().for_each(|listener| listener.hear(&event));
    }
    let goes_on = views::run::goes_on(&begun.plan.id, begun.plan.branch.as_str());
    if args.detach {
        drop((listeners, live));
        printer.say(goes_on);
        return Ok(Exit::FINE);
    }
    let ask = |again: &mut dyn FnMut() -> bool| ask(&live, again);
    let ended = elsewhere::follow(&start, deployed, &begun, &request, &ask, &listeners)?;
    drop((listeners, live));
    match ended {
        Ended::GoesOn => {
            printer.insist(goes_on);
            Ok(LEFT)
        }
        Ended::OutOfSight(error) => {
            printer.insist(goes_on);
            Err(error.into())
        }
        Ended::Over(followed) => {
            run::show(&followed.report, printer);
            super::follow::ended(&followed, ENGINE, context)
        }
    }
}

/// Asks what Ctrl-C meant; where nobody can answer, the execution is left to itself.
fn ask(live: &Live, again: &mut dyn FnMut() -> bool) -> OnInterrupt {
    if !terminal::stdin_is_terminal() || !terminal::stderr_is_terminal() {
        return OnInterrupt::Leave;
    }
    let question = "stop the execution? [y]es, [l]eave it running, [N]o, follow it further: ";
    let answer = live.aside(|| terminal::answer(question, again));
    match answer.as_deref() {
        Some("y" | "yes") => OnInterrupt::Stop,
        Some("l" | "leave") | None => OnInterrupt::Leave,
        Some(_) => OnInterrupt::Follow,
    }
}
