//! What a stack of CloudFormation is, what would change in it, and what happens to it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Outputs;

/// A stack as it is found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stack {
    /// AWS's own, by which it is known even when it is gone.
    pub id: String,
    /// AWS's own word, such as `UPDATE_COMPLETE`.
    pub status: String,
    /// What it has made.
    pub outputs: Outputs,
    /// What it was last made with.
    pub parameters: BTreeMap<String, String>,
}

/// What a stack lets somebody do with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It can be changed.
    Whole,
    /// Somebody has only looked at what it would be: nothing is there.
    Looked,
    /// AWS works on it.
    Going,
    /// AWS removes it.
    Leaving,
    /// It never came to be: it can only be removed.
    Wrecked,
    /// A removal was cut off.
    HalfGone,
    /// A change could not be taken back: somebody has to look.
    Stuck,
}

impl Stack {
    /// Tells whether it is nothing but a proposal.
    pub fn is_only_looked_at(&self) -> bool {
        self.standing() == Standing::Looked
    }

    /// Says what can be done with it.
    pub fn standing(&self) -> Standing {
        match self.status.as_str() {
            "REVIEW_IN_PROGRESS" => Standing::Looked,
            "DELETE_IN_PROGRESS" => Standing::Leaving,
            "DELETE_FAILED" => Standing::HalfGone,
            "ROLLBACK_COMPLETE" | "ROLLBACK_FAILED" | "CREATE_FAILED" => Standing::Wrecked,
            "UPDATE_ROLLBACK_FAILED" | "UPDATE_FAILED" | "IMPORT_ROLLBACK_FAILED" => Standing::Stuck,
            going if going.ends_with("_IN_PROGRESS") => Standing::Going,
            _ => Standing::Whole,
        }
    }
}

/// What would become of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It is made.
    Add,
    /// It stays, and changes.
    Modify,
    /// Another one comes in its place.
    Replace,
    /// Perhaps another one comes in its place: that depends on something which is not known yet.
    MayReplace,
    /// It goes.
    Remove,
}

/// What would become of one resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// What happens to it.
    pub action: Action,
    /// Its name in the template.
    pub name: String,
    /// Such as `AWS::S3::Bucket`.
    pub kind: String,
}

/// Something that happened to a stack or to a resource of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StackEvent {
    /// AWS's own.
    pub id: String,
    /// The resource's name in the template, or the stack's.
    pub name: String,
    /// Such as `AWS::S3::Bucket`.
    pub kind: String,
    /// Such as `CREATE_COMPLETE`.
    pub status: String,
    /// Why; empty where nothing is said.
    pub reason: String,
}

/// Whether a change set makes a stack or changes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Making {
    /// There is no stack.
    New,
    /// There is one.
    Changed,
}

/// What a parameter of a template is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Given {
    /// A value.
    Value(String),
    /// What the stack has.
    Previous,
}

/// A parameter of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateParameter {
    /// Its name.
    pub name: String,
    /// What it is where nothing is said; absent where something must be.
    pub default: Option<String>,
}

/// A template, and where it is read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Template {
    /// Its text, of at most 51,200 bytes.
    Text(String),
    /// An object in a bucket, of at most 1 MiB.
    Object(String),
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Identity {
    /// The account, twelve digits.
    pub account: String,
    /// The user or role.
    pub arn: String,
}

/// What lets a client of Docker push for some hours.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// The name that goes with the password.
    pub user: String,
    /// The password: never shown, never on a command line.
    pub password: String,
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Login").field("user", &self.user).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_done_follows_from_the_status() {
        for (status, standing) in [
            ("CREATE_COMPLETE", Standing::Whole),
            ("UPDATE_ROLLBACK_COMPLETE", Standing::Whole),
            ("REVIEW_IN_PROGRESS", Standing::Looked),
            ("CREATE_IN_PROGRESS", Standing::Going),
            ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", Standing::Going),
            ("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", Standing::Going),
            ("ROLLBACK_IN_PROGRESS", Standing::Going),
            ("ROLLBACK_COMPLETE", Standing::Wrecked),
            ("DELETE_IN_PROGRESS", Standing::Leaving),
            ("DELETE_FAILED", Standing::HalfGone),
            ("UPDATE_ROLLBACK_FAILED", Standing::Stuck),
        ] {
            let stack = Stack { status: status.to_owned(), ..Stack::default() };
            assert_eq!(stack.standing(), standing, "{status}");
        }
    }

    #[test]
    fn a_password_is_not_shown() {
        let login = Login { user: "AWS".into(), password: "secret".into() };
        assert_eq!(format!("{login:?}"), r#"Login { user: "AWS", .. }"#);
    }
}
