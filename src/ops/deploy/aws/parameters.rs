//! What the template is given: what was said now, what kptn finds out, and what the stack has.

use std::collections::BTreeMap;

use serde::Serialize;

use super::place::Spot;
use super::{DeployError, Deployment, Machines};
use crate::aws::{Given, Stack, Template, TemplateParameter};
use crate::model::nearest_name;
use crate::ops::OpsError;

/// Where a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The command line.
    Given,
    /// kptn itself.
    Found,
    /// The stack, which was given it earlier.
    Before,
    /// The template: nobody said anything else.
    Default,
}

/// A parameter of the template, with its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
    /// What the stack has; absent where that is the same, or there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// Where it comes from.
    pub source: Source,
}

/// What AWS is given: names, with what they get.
type Sent = Vec<(String, Given)>;

impl Deployment<'_> {
    /// Returns the parameters for people, and for AWS.
    pub(super) fn parameters(
        &self,
        template: &Template,
        stack: Option<&Stack>,
        machines: Machines,
        tag: Option<&str>,
    ) -> Result<(Vec<Parameter>, Sent), OpsError> {
        let known = self.aws.template_parameters(template)?;
        let said = self.said(&known)?;
        let mut found =
            BTreeMap::from([("Machines", if machines == Machines::Yes { "yes" } else { "no" }.to_owned())]);
        found.extend(tag.map(|tag| ("Image", tag.to_owned())));
        if let Some(Spot { bucket: Some(bucket), prefix }) = self.spot_taken(stack) {
            found.insert("ExistingBucket", bucket);
            found.insert("Prefix", prefix);
        }
        let has = |name: &str| {
            stack.and_then(|stack| stack.parameters.get(name)).is_some_and(|value| !value.is_empty())
        };
        let arn = repository_of(&self.parameter("ExistingImage", stack));
        if arn.is_some() || has(IMAGE_REPOSITORY) {
            found.insert(IMAGE_REPOSITORY, arn.unwrap_or_default());
        }
        let (mut shown, mut given) = (Vec::new(), Vec::new());
        for TemplateParameter { name, default } in known {
            let earlier = stack.and_then(|stack| stack.parameters.get(&name)).cloned();
            let (value, source, give) = match (said.get(&name), found.get(name.as_str()), &earlier) {
                (Some(value), _, _) => (value.clone(), Source::Given, Some(Given::Value(value.clone()))),
                (None, Some(value), _) => (value.clone(), Source::Found, Some(Given::Value(value.clone()))),
                (None, None, Some(value)) => {
                    let source =
                        if default.as_ref() == Some(value) { Source::Default } else { Source::Before };
                    (value.clone(), source, Some(Given::Previous))
                }
                (None, None, None) => (default.unwrap_or_default(), Source::Default, None),
            };
            let before = earlier.filter(|earlier| *earlier != value);
            given.extend(give.map(|give| (name.clone(), give)));
            shown.push(Parameter { name, value, before, source });
        }
        refuse_pointless(&shown)?;
        Ok((shown, given))
    }

    /// Reads what the command line gives; refuses what the template does not have.
    fn said(&self, known: &[TemplateParameter]) -> Result<BTreeMap<String, String>, DeployError> {
        let mut said = pairs(&self.wanted.parameters)?;
        for name in said.keys() {
            if known.iter().any(|one| one.name == *name) {
                continue;
            }
            let names = || known.iter().map(|one| one.name.as_str());
            return Err(DeployError::UnknownParameter {
                name: name.clone(),
                near: nearest_name(name, names()).map(str::to_owned),
                known: names().filter(|name| *name != "Machines").map(str::to_owned).collect(),
            });
        }
        // AWS takes a list without blanks only.
        for (_, value) in said.iter_mut().filter(|(name, _)| LISTS.contains(&name.as_str())) {
            *value = value.split(',').map(str::trim).collect::<Vec<_>>().join(",");
        }
        Ok(said)
    }

    /// Returns what a parameter is or will be: what is given, else what the stack has.
    pub(super) fn parameter(&self, name: &str, stack: Option<&Stack>) -> String {
        let given = pairs(&self.wanted.parameters).unwrap_or_default().remove(name);
        given.or_else(|| stack?.parameters.get(name).cloned()).unwrap_or_default()
    }

    /// Returns what a parameter is given now; empty where it is not.
    pub(super) fn given(&self, name: &str) -> String {
        pairs(&self.wanted.parameters).unwrap_or_default().remove(name).unwrap_or_default()
    }
}

/// Refuses endpoints in a network that the stack does not make: nothing would come of them.
fn refuse_pointless(parameters: &[Parameter]) -> Result<(), DeployError> {
    let is = |name: &str, what: fn(&str) -> bool| {
        parameters.iter().any(|one| one.name == name && what(&one.value))
    };
    let networks = ["ExistingSubnets", "ExistingComputeEnvironment", "ExistingQueue"];
    let existing = networks.into_iter().find(|name| is(name, |value| !value.is_empty()));
    match existing {
        Some(existing) if is("EcrEndpoints", |value| value == "yes") => {
            Err(DeployError::Pointless { name: "EcrEndpoints", existing })
        }
        _ => Ok(()),
    }
}

/// Returns the ARN of the repository of an image; absent where that is none of ECR.
fn repository_of(image: &str) -> Option<String> {
    let (host, rest) = image.split_once('/')?;
    let name = rest.split([':', '@']).next()?;
    let &[account, "dkr", "ecr" | "ecr-fips", region, "amazonaws", "com", ..] =
        host.split('.').collect::<Vec<_>>().as_slice()
    else {
        return None;
    };
    let partition = match region.split('-').next() {
        Some("cn") => "aws-cn",
        _ if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    };
    Some(format!("arn:{partition}:ecr:{region}:{account}:repository/{name}"))
}

/// What the execution role has to read for an image that is there already.
const IMAGE_REPOSITORY: &str = "ExistingImageRepository";
const LISTS: [&str; 3] = ["ExistingSubnets", "ExistingSecurityGroups", "JobPolicies"];

/// Reads `NAME=VALUE`; of a name that is given twice, the last counts.
pub(super) fn pairs(texts: &[String]) -> Result<BTreeMap<String, String>, DeployError> {
    let mut pairs = BTreeMap::new();
    for text in texts {
        let (name, value) =
            text.split_once('=').ok_or_else(|| DeployError::NoValue { text: text.clone() })?;
        if name.trim() == "Machines" {
            let why = "it follows from whether the texts of the machines are in the bucket";
            return Err(DeployError::OwnParameter { name: "Machines".to_owned(), why });
        }
        pairs.insert(name.trim().to_owned(), value.trim().to_owned());
    }
    Ok(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_of_ecr_has_a_repository() {
        for (image, arn) in [
            (
                "123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/images:1",
                "arn:aws:ecr:eu-west-1:123456789012:repository/team/images",
            ),
            (
                "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/a@sha256:0",
                "arn:aws-cn:ecr:cn-north-1:123456789012:repository/a",
            ),
            (
                "123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com/a",
                "arn:aws-us-gov:ecr:us-gov-west-1:123456789012:repository/a",
            ),
            ("example.org/team/images:1", ""),
            ("public.ecr.aws/team/images:1", ""),
            ("kptn:1", ""),
            ("", ""),
        ] {
            assert_eq!(repository_of(image).unwrap_or_default(), arn, "{image}");
        }
    }
}
