//! Stacks of CloudFormation.

use aws_sdk_cloudformation::Client;

use super::client::{ask, failed};
use super::{Aws, AwsError, Outputs};

impl Aws {
    /// Returns what a stack has made; absent where there is no such stack.
    pub fn outputs(&self, stack: &str) -> Result<Option<Outputs>, AwsError> {
        let asked = Client::new(&self.config).describe_stacks().stack_name(stack);
        let found = match ask(asked.send())? {
            Ok(found) => found.stacks.unwrap_or_default().into_iter().next(),
            Err(error) => match failed(format!("describe the stack `{stack}`"), error) {
                // It has no name of its own for a stack that is not there.
                AwsError::Refused { code, problem, .. }
                    if code == "ValidationError" && problem.contains("does not exist") =>
                {
                    None
                }
                error => return Err(error),
            },
        };
        let outputs = found.map(|stack| stack.outputs.unwrap_or_default());
        Ok(outputs.map(|all| {
            all.into_iter().filter_map(|one| Some((one.output_key?, one.output_value?))).collect()
        }))
    }
}
