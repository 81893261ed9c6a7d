//! The least rights that a role needs at an S3 remote, as an IAM policy: PURE.
//!
//! ```text
//! reader           lists and reads
//! writer           also writes objects, the index and the project's branches, but for those that are protected
//! protected-writer writes these too
//! worker           writes objects and what it says of a run that several machines carry out
//! jobs             a worker that also opens and closes such runs: the jobs of a state machine
//! collector        what `gc --remote` needs: it rewrites the index, and deletes
//! ```
//! Keys are those of `layout.rs`. The policy's language: docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html.

use serde::Serialize;
use serde_json::{Value, json};

use super::{RemoteError, layout, shown_address};
use crate::model::{ProjectId, RemoteSettings, safe_folder_name};

/// Who is to have rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Who pulls.
    Reader,
    /// Who pushes branches that are not protected.
    Writer,
    /// Who pushes protected branches too: production.
    ProtectedWriter,
    /// Who carries out tasks of a run that another machine opens and closes.
    Worker,
    /// Who opens and closes such runs as well.
    Jobs,
    /// Who runs `gc --remote`.
    Collector,
}

/// What is allowed, or with `deny` refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Statement {
    /// What people call it.
    pub name: &'static str,
    /// Whether it takes away.
    pub deny: bool,
    /// What may be done.
    pub actions: Vec<&'static str>,
    /// With what.
    pub resources: Vec<String>,
    /// Where that holds.
    pub condition: Option<Condition>,
}

/// Where a statement holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Condition {
    /// How it is compared.
    pub test: &'static str,
    /// What is.
    pub key: &'static str,
    /// With what.
    pub values: Vec<String>,
}

/// Where a remote is, as policies name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place<'a> {
    /// The bucket's ARN.
    pub bucket: String,
    /// What its keys begin with.
    pub prefix: String,
    /// What the names of its partitions in a table begin with.
    pub partitions: String,
    /// What the ARN of a table begins with.
    pub tables: &'a str,
    /// The tables that may have its branches, by name.
    pub in_tables: Vec<String>,
    /// Whether the bucket may have them.
    pub in_bucket: bool,
}

/// Returns the policy; fails for a remote that is no bucket.
pub fn policy(
    settings: &RemoteSettings,
    project: &ProjectId,
    protected: &[String],
    role: Role,
) -> Result<Value, RemoteError> {
    let wrong = |problem: &str| RemoteError::Address {
        url: shown_address(settings),
        problem: format!("{problem}; a policy is for a bucket of S3"),
    };
    let place = settings.url.strip_prefix("s3://").ok_or_else(|| wrong("it is no bucket"))?;
    let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
    if settings.refs.is_some() && role == Role::Writer && !protected.is_empty() {
        return Err(RemoteError::Address {
            url: shown_address(settings),
            problem: "its branches are in a table, whose rights cannot tell protected ones from others: \
                      for who pushes there is `--for protected-writer` alone"
                .to_owned(),
        });
    }
    let place = Place {
        bucket: format!("arn:aws:s3:::{bucket}"),
        prefix: match prefix.trim_matches('/') {
            "" => String::new(),
            prefix => format!("{prefix}/"),
        },
        partitions: format!("{}/", shown_address(settings).trim_end_matches('/')),
        tables: "arn:aws:dynamodb:*:*:table/",
        in_tables: settings.refs.iter().map(|address| table_of(address)).collect(),
        in_bucket: settings.refs.is_none(),
    };
    let statements = statements(&place, project, protected, role);
    let statements: Vec<_> = statements.iter().map(Statement::as_json).collect();
    Ok(json!({"Version": "2012-10-17", "Statement": statements}))
}

/// Returns the name of the table behind an address.
pub fn table_of(address: &str) -> String {
    address.trim_start_matches("dynamodb://").trim_end_matches('/').to_owned()
}

/// Returns what a role may do at a place.
pub fn statements(
    place: &Place<'_>,
    project: &ProjectId,
    protected: &[String],
    role: Role,
) -> Vec<Statement> {
    let Place { bucket, prefix, .. } = place;
    let of = |keys: &[String]| keys.iter().map(|key| format!("{bucket}/{prefix}{key}")).collect::<Vec<_>>();
    let fixed = |keys: &[&str]| of(&keys.iter().map(ToString::to_string).collect::<Vec<_>>());
    let allow = |name, actions: &[&'static str], resources| Statement {
        name,
        deny: false,
        actions: actions.to_vec(),
        resources,
        condition: None,
    };
    let below = Condition { test: "StringLike", key: "s3:prefix", values: vec![format!("{prefix}*")] };
    let mut statements = vec![
        Statement { condition: Some(below), ..allow("List", &["s3:ListBucket"], vec![bucket.clone()]) },
        allow("Read", &["s3:GetObject"], fixed(&["*"])),
    ];
    let write = ["s3:PutObject", "s3:AbortMultipartUpload"];
    let project = safe_folder_name(project.as_str());
    let branches = [format!("refs/{project}/*"), format!("history/{project}/*")];
    let branches = if place.in_bucket { of(&branches) } else { Vec::new() };
    match role {
        Role::Reader => {}
        Role::Writer | Role::ProtectedWriter => {
            let keys = ["kptn.json", "objects/*", "packs/*", "index/*", "runs/*", "damaged/*", "probe/*"];
            statements.push(allow("Write", &write, [fixed(&keys), branches].concat()));
            statements.push(allow("Probe", &["s3:DeleteObject"], fixed(&["probe/*"])));
        }
        Role::Worker => {
            let keys = ["objects/*", "packs/*", "runs/*/parts/*", "runs/*/tasks/*"];
            statements.push(allow("Write", &write, fixed(&keys)));
        }
        Role::Jobs => {
            let keys = ["kptn.json", "objects/*", "packs/*", "index/*", "runs/*"];
            statements.push(allow("Write", &write, [fixed(&keys), branches].concat()));
        }
        Role::Collector => {
            let keys = ["kptn.json", "packs/*", "index/*", "gc/*", "probe/*"];
            statements.push(allow("Write", &write, fixed(&keys)));
            let keys = ["objects/*", "packs/*", "index/*", "gc/*", "runs/*", "probe/*"];
            statements.push(allow("Delete", &["s3:DeleteObject"], fixed(&keys)));
        }
    }
    if !place.in_tables.is_empty() {
        statements.push(of_tables(place, role));
    }
    if role == Role::Writer && !protected.is_empty() {
        let names = protected.iter().map(|pattern| key_pattern(pattern));
        let keys: Vec<_> = names
            .flat_map(|name| [format!("refs/{project}/{name}.json"), format!("history/{project}/{name}/*")])
            .collect();
        statements.push(Statement { deny: true, ..allow("Protected", &["s3:PutObject"], of(&keys)) });
    }
    statements
}

/// Returns what a role may do in the tables that have the branches: in the partitions of this remote alone.
fn of_tables(place: &Place<'_>, role: Role) -> Statement {
    let (read, write) =
        (["dynamodb:GetItem", "dynamodb:Query"], ["dynamodb:PutItem", "dynamodb:BatchWriteItem"]);
    let actions = match role {
        Role::Reader => read.to_vec(),
        _ => read.into_iter().chain(write).collect(),
    };
    let kinds = layout::IN_TABLE.into_iter().chain(["pieces"]);
    let values = kinds.map(|kind| format!("{}{kind}", place.partitions)).collect();
    let resources = place.in_tables.iter().map(|table| format!("{}{table}", place.tables)).collect();
    let condition = Condition { test: "ForAllValues:StringEquals", key: "dynamodb:LeadingKeys", values };
    Statement { name: "Table", deny: false, actions, resources, condition: Some(condition) }
}

impl Statement {
    /// Returns it as policies spell it.
    fn as_json(&self) -> Value {
        let effect = if self.deny { "Deny" } else { "Allow" };
        let mut one =
            json!({"Sid": self.name, "Effect": effect, "Action": self.actions, "Resource": self.resources});
        if let Some(Condition { test, key, values }) = &self.condition {
            one["Condition"] = json!({*test: {*key: values}});
        }
        one
    }
}

/// Returns how keys spell the branches of a pattern. What a glob leaves open is open here too, and a little more may
/// be meant: a right too few is told, one too many is not.
fn key_pattern(pattern: &str) -> String {
    match pattern.split_once(['*', '?', '[', '{']) {
        None => safe_folder_name(pattern),
        Some((literal, _)) => {
            let plain = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '?' };
            format!("{}*", literal.chars().map(plain).collect::<String>())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(url: &str, protected: &[&str], role: Role) -> String {
        let settings = RemoteSettings { url: url.to_owned(), ..RemoteSettings::default() };
        let protected: Vec<_> = protected.iter().map(ToString::to_string).collect();
        let project = ProjectId::parse("forecast").unwrap();
        policy(&settings, &project, &protected, role)
            .map_or_else(|error| error.to_string(), |one| one.to_string())
    }

    #[test]
    fn a_role_gets_what_it_needs_and_no_more() {
        let reader = text("s3://data/kptn/", &["main"], Role::Reader);
        assert!(reader.contains("arn:aws:s3:::data/kptn/*") && !reader.contains("PutObject"), "{reader}");
        let writer = text("s3://data/kptn", &["main", "release/*"], Role::Writer);
        assert!(writer.contains("\"Deny\"") && writer.contains("refs/forecast/main.json"), "{writer}");
        assert!(writer.contains("history/forecast/release?*/*"), "{writer}");
        let worker = text("s3://data/kptn", &["main"], Role::Worker);
        assert!(worker.contains("kptn/runs/*") && !worker.contains("kptn/index/*"), "{worker}");
        let jobs = text("s3://data/kptn", &["main"], Role::Jobs);
        assert!(jobs.contains("refs/forecast/*") && !jobs.contains("DeleteObject"), "{jobs}");
        assert!(!text("s3://data/kptn", &["main"], Role::ProtectedWriter).contains("Deny"));
        assert!(text("s3://data", &[], Role::Collector).contains("arn:aws:s3:::data/objects/*"));
        let in_table = |protected: &[&str], role| {
            let (url, refs) = ("s3://data/kptn/".to_owned(), Some("dynamodb://refs".to_owned()));
            let settings = RemoteSettings { url, refs, ..RemoteSettings::default() };
            let protected: Vec<_> = protected.iter().map(ToString::to_string).collect();
            let project = ProjectId::parse("forecast").unwrap();
            policy(&settings, &project, &protected, role)
                .map_or_else(|error| error.to_string(), |one| one.to_string())
        };
        let writer = in_table(&[], Role::Writer);
        assert!(writer.contains("table/refs") && writer.contains("s3://data/kptn/refs"), "{writer}");
        assert!(!in_table(&["main"], Role::Reader).contains("dynamodb:PutItem"));
        assert!(!in_table(&["main"], Role::Jobs).contains("refs/forecast"), "branches are in the table");
        assert!(in_table(&["main"], Role::Writer).contains("--for protected-writer"));
        assert!(text("file:///shared", &[], Role::Reader).contains("it is no bucket"));
    }
}
