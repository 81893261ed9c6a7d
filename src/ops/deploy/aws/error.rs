//! Why a project could not be deployed to AWS.

use std::path::PathBuf;

use crate::aws::StackEvent;

/// Why a project could not be deployed.
#[derive(Debug, thiserror::Error)]
pub enum DeployError {
    /// A text that AWS takes for no name of a stack.
    #[error("`{name}` can be no name of a stack: letters, digits and `-`, a letter first, at most 40")]
    StackName {
        /// The text.
        name: String,
    },
    /// A parameter without a value.
    #[error("`{text}` is no `NAME=VALUE`")]
    NoValue {
        /// What was given.
        text: String,
    },
    /// A parameter that the template does not have.
    #[error("the template has no parameter `{name}`")]
    UnknownParameter {
        /// What was given.
        name: String,
        /// The nearest name; absent where none is near.
        near: Option<String>,
        /// All of them.
        known: Vec<String>,
    },
    /// A parameter that kptn itself gives.
    #[error("`{name}` is not yours to give: {why}")]
    OwnParameter {
        /// Its name.
        name: String,
        /// Why.
        why: &'static str,
    },
    /// A parameter of which nothing would come.
    #[error("`{name}` is of the network that the stack makes, and with `{existing}` it makes none")]
    Pointless {
        /// Its name.
        name: &'static str,
        /// What makes it so.
        existing: &'static str,
    },
    /// A machine that a person has edited.
    #[error("`{}` was edited by hand, and the template names what `kptn.yaml` says", path.display())]
    EditedMachine {
        /// Its file.
        path: PathBuf,
    },
    /// A template that a person has edited, of other machines than there are now.
    #[error("`{}` was edited by hand, and names other machines than `kptn.yaml` makes now", path.display())]
    EditedTemplate {
        /// The file.
        path: PathBuf,
    },
    /// A template that cannot be sent before there is a bucket.
    #[error("the template has {bytes} bytes, and without a bucket at most 51,200 can be sent")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// A stack that AWS will not change.
    #[error("the stack `{stack}` is in `{status}`: a change failed, and could not be taken back")]
    Stuck {
        /// Its name.
        stack: String,
        /// AWS's word.
        status: String,
    },
    /// A stack that AWS changes at this moment.
    #[error("AWS is at work on the stack `{stack}`, which is in `{status}`")]
    AtWork {
        /// Its name.
        stack: String,
        /// AWS's word.
        status: String,
    },
    /// Somebody else has changed the stack since it was looked at.
    #[error("somebody else is at work on the stack `{stack}`: {problem}")]
    Overtaken {
        /// Its name.
        stack: String,
        /// What AWS said.
        problem: String,
    },
    /// What AWS began did not come to a good end.
    #[error("the stack `{stack}` is in `{status}`{}", told(.failure.as_deref()))]
    NotDone {
        /// Its name.
        stack: String,
        /// AWS's word.
        status: String,
        /// The first thing that failed; absent where nothing says so.
        failure: Option<Box<StackEvent>>,
    },
    /// Somebody pressed Ctrl-C.
    #[error("stopped looking; AWS goes on with the stack `{stack}`")]
    Interrupted {
        /// Its name.
        stack: String,
    },
    /// A stack that is there, and that nothing says is this project's.
    #[error("there is a stack `{stack}` already, and `kptn.yaml` does not say that it is this project's")]
    Taken {
        /// Its name.
        stack: String,
    },
    /// The stack does not say what every stack of kptn's says.
    #[error("the stack `{stack}` has no output `{output}`: it is not one of kptn's")]
    NotOurs {
        /// Its name.
        stack: String,
        /// What is missing.
        output: &'static str,
    },
    /// The docker client has nobody to speak with.
    #[error("Docker does not answer, and the image cannot be built: {problem}")]
    NoDocker {
        /// What the client said.
        problem: String,
    },
    /// Jobs would have an image that nobody pushed.
    #[error("{}", no_image(stack, tag))]
    NoImage {
        /// The stack.
        stack: String,
        /// The tag that was given; empty where it was left to the stack, which has none yet.
        tag: String,
    },
    /// The docker client failed.
    #[error("`{command}` {how}")]
    Docker {
        /// What was called.
        command: String,
        /// How it ended.
        how: String,
    },
    /// A new stack would take over the remote that another one has.
    #[error(
        "`{remote}` in kptn.yaml (s3://{bucket}/{prefix}) is of another stack, and `{stack}` in {region} would share it"
    )]
    OthersRemote {
        /// What `kptn.yaml` calls it.
        remote: String,
        /// The new stack.
        stack: String,
        /// Where that would be.
        region: String,
        /// The remote's bucket.
        bucket: String,
        /// What its keys begin with.
        prefix: String,
    },
    /// `kptn.yaml` and the stack would have different remotes of one name.
    #[error("`{remote}` in kptn.yaml is {here}, and the stack's remote would be {}", there.as_deref().unwrap_or("in a bucket of its own"))]
    RemotesDiffer {
        /// What `kptn.yaml` calls it.
        remote: String,
        /// Its address there.
        here: String,
        /// What the stack would have; absent where the bucket has no name yet.
        there: Option<String>,
    },
    /// A stack that was made around a bucket has no other one.
    #[error("the stack `{stack}` was made with a bucket that was there, and makes none of its own later")]
    OwnBucketLater {
        /// Its name.
        stack: String,
    },
    /// There is nothing to remove.
    #[error("there is no stack `{stack}` in {region}")]
    NoStack {
        /// Its name.
        stack: String,
        /// Where it was looked for.
        region: String,
    },
}

fn no_image(stack: &str, tag: &str) -> String {
    match tag {
        "" => format!("the stack `{stack}` has no image yet, and without one nothing runs there"),
        tag => format!("the repository of the stack `{stack}` has no image `{tag}`"),
    }
}

fn told(failure: Option<&StackEvent>) -> String {
    failure.map_or_else(String::new, |event| {
        format!(": `{}` ({}) failed: {}", event.name, event.kind, event.reason)
    })
}
