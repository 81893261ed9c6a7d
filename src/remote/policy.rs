//! The least rights that a role needs at an S3 remote, as an IAM policy: PURE.
//!
//! ```text
//! reader           lists and reads
//! writer           also writes objects, the index and the project's branches, but for those that are protected
//! protected-writer writes these too
//! worker           writes objects and what it says of a run that several machines carry out
//! collector        what `gc --remote` needs: it rewrites the index, and deletes
//! ```
//! Keys are those of `layout.rs`. The policy's language: docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html.

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
    /// Who runs `gc --remote`.
    Collector,
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
    let prefix = match prefix.trim_matches('/') {
        "" => String::new(),
        prefix => format!("{prefix}/"),
    };
    let bucket = format!("arn:aws:s3:::{bucket}");
    let of = |keys: &[String]| keys.iter().map(|key| format!("{bucket}/{prefix}{key}")).collect::<Vec<_>>();
    let fixed = |keys: &[&str]| of(&keys.iter().map(ToString::to_string).collect::<Vec<_>>());
    let allow = |name: &str, actions: &[&str], resources: Vec<String>| json!({"Sid": name, "Effect": "Allow", "Action": actions, "Resource": resources});
    let mut statements = vec![
        json!({"Sid": "List", "Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": [bucket],
               "Condition": {"StringLike": {"s3:prefix": [format!("{prefix}*")]}}}),
        allow("Read", &["s3:GetObject"], fixed(&["*"])),
    ];
    let write = ["s3:PutObject", "s3:AbortMultipartUpload"];
    let project = safe_folder_name(project.as_str());
    match role {
        Role::Reader => {}
        Role::Writer | Role::ProtectedWriter => {
            let mut keys =
                fixed(&["kptn.json", "objects/*", "packs/*", "index/*", "runs/*", "damaged/*", "probe/*"]);
            keys.extend(of(&[format!("refs/{project}/*"), format!("history/{project}/*")]));
            statements.push(allow("Write", &write, keys));
            statements.push(allow("Probe", &["s3:DeleteObject"], fixed(&["probe/*"])));
        }
        Role::Worker => {
            statements.push(allow(
                "Write",
                &write,
                fixed(&["objects/*", "packs/*", "runs/*/parts/*", "runs/*/tasks/*"]),
            ));
        }
        Role::Collector => {
            let keys = ["kptn.json", "packs/*", "index/*", "gc/*", "probe/*"];
            statements.push(allow("Write", &write, fixed(&keys)));
            let keys = ["objects/*", "packs/*", "index/*", "gc/*", "runs/*", "probe/*"];
            statements.push(allow("Delete", &["s3:DeleteObject"], fixed(&keys)));
        }
    }
    if let Some(address) = &settings.refs {
        statements.push(of_table(settings, address, role));
        if role == Role::Writer && !protected.is_empty() {
            return Err(RemoteError::Address {
                url: shown_address(settings),
                problem: "its branches are in a table, whose rights cannot tell protected ones from others: \
                          for who pushes there is `--for protected-writer` alone"
                    .to_owned(),
            });
        }
    }
    if role == Role::Writer && !protected.is_empty() {
        let names = protected.iter().map(|pattern| key_pattern(pattern));
        let keys: Vec<_> = names
            .flat_map(|name| [format!("refs/{project}/{name}.json"), format!("history/{project}/{name}/*")])
            .collect();
        statements.push(
            json!({"Sid": "Protected", "Effect": "Deny", "Action": ["s3:PutObject"], "Resource": of(&keys)}),
        );
    }
    Ok(json!({"Version": "2012-10-17", "Statement": statements}))
}

/// Returns what a role may do in the table that has the branches: in the partitions of this remote alone.
fn of_table(settings: &RemoteSettings, address: &str, role: Role) -> Value {
    let table = address.trim_start_matches("dynamodb://").trim_end_matches('/');
    let (read, write) =
        (["dynamodb:GetItem", "dynamodb:Query"], ["dynamodb:PutItem", "dynamodb:BatchWriteItem"]);
    let actions: Vec<&str> = match role {
        Role::Reader => read.to_vec(),
        _ => read.into_iter().chain(write).collect(),
    };
    let place = shown_address(settings);
    let place = place.trim_end_matches('/');
    let kinds = layout::IN_TABLE.into_iter().chain(["pieces"]);
    let partitions: Vec<_> = kinds.map(|kind| format!("{place}/{kind}")).collect();
    json!({"Sid": "Table", "Effect": "Allow", "Action": actions,
           "Resource": [format!("arn:aws:dynamodb:*:*:table/{table}")],
           "Condition": {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": partitions}}})
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
        assert!(in_table(&["main"], Role::Writer).contains("--for protected-writer"));
        assert!(text("file:///shared", &[], Role::Reader).contains("it is no bucket"));
    }
}
