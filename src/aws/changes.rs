//! Change sets of CloudFormation: what a stack would become, and that it becomes so.
//!
//! Each deployment has a name of its own for its change set, so that two at once do not get in each other's way.

use std::time::Duration;

use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::types::{
    Capability, ChangeAction, ChangeSetStatus, ChangeSetSummary, ChangeSetType, ExecutionStatus, Parameter,
    Replacement, ResourceChange,
};

use super::client::ask;
use super::stack::{Action, Change, Given, Making, StackEvent, Template, TemplateParameter};
use super::{Aws, AwsError};

/// Between two looks at a change set that is being made.
const SOON: Duration = Duration::from_millis(300);

impl Aws {
    /// Returns the parameters of a template; an error where it is none.
    pub fn template_parameters(&self, template: &Template) -> Result<Vec<TemplateParameter>, AwsError> {
        let mut asked = self.formation().get_template_summary();
        asked = match template {
            Template::Text(text) => asked.template_body(text),
            Template::Object(url) => asked.template_url(url),
        };
        let found = ask(asked.send())?.map_err(|error| self.failed("read the template", error))?;
        let all = found.parameters.unwrap_or_default().into_iter();
        Ok(all
            .filter_map(|one| {
                Some(TemplateParameter { name: one.parameter_key?, default: one.default_value })
            })
            .collect())
    }

    /// Finds out what a stack would become; nothing where it is so already. It waits to be applied or dropped.
    pub fn propose(
        &self,
        stack: &str,
        name: &str,
        making: Making,
        template: &Template,
        parameters: &[(String, Given)],
    ) -> Result<Vec<Change>, AwsError> {
        let action = format!("find out what would change in the stack `{stack}`");
        let mut asked = self
            .formation()
            .create_change_set()
            .stack_name(stack)
            .change_set_name(name)
            .change_set_type(match making {
                Making::New => ChangeSetType::Create,
                Making::Changed => ChangeSetType::Update,
            })
            .capabilities(Capability::CapabilityIam)
            .set_parameters(Some(parameters.iter().map(parameter).collect()));
        asked = match template {
            Template::Text(text) => asked.template_body(text),
            Template::Object(url) => asked.template_url(url),
        };
        ask(asked.send())?.map_err(|error| self.failed(&action, error))?;
        self.wait_for_proposal(stack, name, &action)
    }

    fn wait_for_proposal(&self, stack: &str, name: &str, action: &str) -> Result<Vec<Change>, AwsError> {
        let (mut changes, mut token) = (Vec::new(), None);
        loop {
            let asked = self.formation().describe_change_set().stack_name(stack).change_set_name(name);
            let found = ask(asked.set_next_token(token.take()).send())?;
            let found = found.map_err(|error| self.failed(action, error))?;
            match found.status {
                Some(ChangeSetStatus::CreateComplete) => {}
                Some(ChangeSetStatus::Failed) => {
                    let problem = found.status_reason.unwrap_or_default();
                    if ["contain changes", "No updates"].iter().any(|words| problem.contains(words)) {
                        self.drop_proposal(stack, name)?;
                        return Ok(Vec::new());
                    }
                    return Err(self.odd(action, problem));
                }
                _ => {
                    std::thread::sleep(SOON);
                    continue;
                }
            }
            let page = found.changes.unwrap_or_default().into_iter();
            changes.extend(page.filter_map(|one| change(one.resource_change?)));
            token = found.next_token;
            if token.is_none() {
                return Ok(changes);
            }
        }
    }

    /// Has the stack become what was proposed; that goes on after this.
    pub fn apply_proposal(&self, stack: &str, name: &str) -> Result<(), AwsError> {
        let asked = self.formation().execute_change_set().stack_name(stack).change_set_name(name);
        ask(asked.send())?
            .map(drop)
            .map_err(|error| self.failed(format!("change the stack `{stack}`"), error))
    }

    /// Forgets what was proposed; none is no error.
    pub fn drop_proposal(&self, stack: &str, name: &str) -> Result<(), AwsError> {
        let asked = self.formation().delete_change_set().stack_name(stack).change_set_name(name);
        match ask(asked.send())?.map_err(|error| self.failed(format!("forget a change of `{stack}`"), error))
        {
            Err(error) if ["ChangeSetNotFound", "ChangeSetNotFoundException"].contains(&error.code()) => {
                Ok(())
            }
            done => done.map(drop),
        }
    }

    /// Returns the names of what was proposed and neither applied nor forgotten.
    pub fn proposals(&self, stack: &str) -> Result<Vec<String>, AwsError> {
        let (mut names, mut token) = (Vec::new(), None);
        loop {
            let asked = self.formation().list_change_sets().stack_name(stack).set_next_token(token);
            let found = ask(asked.send())?;
            let found =
                found.map_err(|error| self.failed(format!("list the changes of `{stack}`"), error))?;
            let all = found.summaries.unwrap_or_default().into_iter();
            names.extend(all.filter(|one| !is_applied(one)).filter_map(|one| one.change_set_name));
            token = found.next_token;
            if token.is_none() {
                return Ok(names);
            }
        }
    }

    /// Has a stack removed, but what it says stays; that goes on after this.
    pub fn remove_stack(&self, stack: &str) -> Result<(), AwsError> {
        let asked = self.formation().delete_stack().stack_name(stack);
        ask(asked.send())?
            .map(drop)
            .map_err(|error| self.failed(format!("remove the stack `{stack}`"), error))
    }

    /// Returns what happened to a stack, the oldest first, since an event; all where none is named. A stack that is gone
    /// is known by its id alone.
    pub fn stack_events(&self, stack: &str, since: Option<&str>) -> Result<Vec<StackEvent>, AwsError> {
        let (mut events, mut token) = (Vec::new(), None);
        'pages: loop {
            let asked = self.formation().describe_stack_events().stack_name(stack);
            let found = ask(asked.set_next_token(token.take()).send())?;
            let found =
                found.map_err(|error| self.failed(format!("tell what happened to `{stack}`"), error))?;
            for one in found.stack_events.unwrap_or_default() {
                let id = one.event_id.unwrap_or_default();
                if since == Some(id.as_str()) {
                    break 'pages;
                }
                events.push(StackEvent {
                    id,
                    name: one.logical_resource_id.unwrap_or_default(),
                    kind: one.resource_type.unwrap_or_default(),
                    status: one.resource_status.map(|status| status.as_str().to_owned()).unwrap_or_default(),
                    reason: one.resource_status_reason.unwrap_or_default(),
                });
            }
            token = found.next_token;
            if token.is_none() {
                break;
            }
        }
        events.reverse();
        Ok(events)
    }

    /// Returns the id of the last thing that happened to a stack; absent where there is none.
    pub fn last_event(&self, stack: &str) -> Result<Option<String>, AwsError> {
        let asked = self.formation().describe_stack_events().stack_name(stack);
        let found = ask(asked.send())?;
        let found = found.map_err(|error| self.failed(format!("tell what happened to `{stack}`"), error))?;
        Ok(found.stack_events.unwrap_or_default().into_iter().next().and_then(|event| event.event_id))
    }

    pub(super) fn formation(&self) -> Client {
        Client::new(&self.config)
    }
}

fn parameter((name, given): &(String, Given)) -> Parameter {
    let named = Parameter::builder().parameter_key(name);
    match given {
        Given::Value(value) => named.parameter_value(value),
        Given::Previous => named.use_previous_value(true),
    }
    .build()
}

fn is_applied(proposal: &ChangeSetSummary) -> bool {
    use ExecutionStatus::{ExecuteComplete, ExecuteInProgress};
    matches!(proposal.execution_status, Some(ExecuteComplete | ExecuteInProgress))
}

fn change(found: ResourceChange) -> Option<Change> {
    let action = match (found.action?, found.replacement) {
        (ChangeAction::Add | ChangeAction::Import, _) => Action::Add,
        (ChangeAction::Remove, _) => Action::Remove,
        (_, Some(Replacement::True)) => Action::Replace,
        (_, Some(Replacement::Conditional)) => Action::MayReplace,
        _ => Action::Modify,
    };
    Some(Change { action, name: found.logical_resource_id?, kind: found.resource_type.unwrap_or_default() })
}
