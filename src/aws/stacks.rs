//! Stacks of CloudFormation.

use aws_sdk_cloudformation::types;
use aws_sdk_sfn::types::ExecutionStatus;

use super::client::ask;
use super::{Aws, AwsError, Stack};

impl Aws {
    /// Returns a stack by its name, or by its id one that may be gone; absent where there is none.
    pub fn stack(&self, stack: &str) -> Result<Option<Stack>, AwsError> {
        let asked = self.formation().describe_stacks().stack_name(stack);
        let found = match ask(asked.send())? {
            Ok(found) => found.stacks.unwrap_or_default().into_iter().next(),
            Err(error) => match self.failed(format!("describe the stack `{stack}`"), error) {
                // It has no name of its own for a stack that is not there.
                AwsError::Refused { code, problem, .. }
                    if code == "ValidationError" && problem.contains("does not exist") =>
                {
                    None
                }
                error => return Err(error),
            },
        };
        Ok(found.map(read).filter(|stack| stack.status != "DELETE_COMPLETE"))
    }

    /// Returns what a stack has: names and kinds, those that are gone left out.
    pub fn resources(&self, stack: &str) -> Result<Vec<(String, String)>, AwsError> {
        let (mut found, mut token) = (Vec::new(), None);
        loop {
            let asked = self.formation().list_stack_resources().stack_name(stack);
            let page = ask(asked.set_next_token(token.take()).send())?;
            let page = page.map_err(|error| self.failed(format!("list what `{stack}` has"), error))?;
            for one in page.stack_resource_summaries.unwrap_or_default() {
                let is_gone = matches!(one.resource_status, Some(types::ResourceStatus::DeleteComplete));
                if let (Some(name), false) = (one.logical_resource_id, is_gone) {
                    found.push((name, one.resource_type.unwrap_or_default()));
                }
            }
            token = page.next_token;
            if token.is_none() {
                return Ok(found);
            }
        }
    }

    /// Returns the executions of a machine that go on, at most a thousand.
    pub fn running_executions(&self, machine: &str) -> Result<Vec<String>, AwsError> {
        let asked = aws_sdk_sfn::Client::new(&self.config)
            .list_executions()
            .state_machine_arn(machine)
            .status_filter(ExecutionStatus::Running)
            .max_results(1000);
        let found = ask(asked.send())?
            .map_err(|error| self.failed(format!("list the runs of `{machine}`"), error))?;
        Ok(found.executions.into_iter().map(|one| one.execution_arn).collect())
    }
}

fn read(found: types::Stack) -> Stack {
    let outputs = found.outputs.unwrap_or_default().into_iter();
    let parameters = found.parameters.unwrap_or_default().into_iter();
    Stack {
        id: found.stack_id.unwrap_or_default(),
        status: found.stack_status.map(|status| status.as_str().to_owned()).unwrap_or_default(),
        outputs: outputs.filter_map(|one| Some((one.output_key?, one.output_value?))).collect(),
        parameters: parameters.filter_map(|one| Some((one.parameter_key?, one.parameter_value?))).collect(),
    }
}
