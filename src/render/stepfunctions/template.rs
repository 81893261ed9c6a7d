//! `flows_dir/aws/template.yaml`: what the machines of a project need on AWS, for CloudFormation.
//!
//! One stack holds all graphs of the project: the bucket, the network, the
//! queue, the roles, and a machine for each graph or part of one, whose text is
//! read from the bucket, as some are larger than a template may be.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Serialize;

use super::permissions::{self, Grant};
use super::{Machine, machines_of};
use crate::model::{Digest, Project, ProjectId};
use crate::remote;
use crate::render::{RenderError, Rendered, engine, header};

/// What keys of the remote begin with where nobody says otherwise.
pub const USUAL_PREFIX: &str = "kptn/";

/// What the template is given.
#[derive(Serialize)]
struct Context {
    prefix: &'static str,
    machines: Vec<OfMachine>,
    statements: Vec<Statement>,
    /// What jobs may do at the remote.
    rights: Vec<remote::Statement>,
}

#[derive(Serialize)]
struct OfMachine {
    graph: String,
    /// Part of resources' names: letters and digits.
    id: String,
    /// What it is called, for `Fn::Sub`.
    name: String,
    /// Where its text is in the bucket.
    key: String,
    part: bool,
    parts: Vec<Part>,
}

#[derive(Serialize)]
struct Part {
    place: String,
    id: String,
}

#[derive(Serialize)]
struct Statement {
    actions: Vec<&'static str>,
    resources: Vec<String>,
}

/// Renders the template of a project.
pub fn aws(project: &Project, id: &ProjectId) -> Result<Rendered, RenderError> {
    let mut machines = Vec::new();
    let mut grants = BTreeSet::new();
    for graph in project.graphs.values() {
        let made = machines_of(project, id, graph)?;
        let own = place(graph.name.as_str());
        let place = |at: usize| if at == 0 { own.clone() } else { format!("{own}Part{at}") };
        let called = |at: usize| machine_name("${AWS::StackName}", graph.name.as_str(), at);
        for (at, Machine { file, piece }) in made.iter().enumerate() {
            grants.extend(permissions::of(piece, &called(at), &called));
            let numbers = if at == 0 { 1..made.len() } else { 0..0 };
            machines.push(OfMachine {
                graph: graph.name.to_string(),
                id: place(at),
                name: called(at),
                key: machine_key(&file.path, &file.text),
                part: at > 0,
                parts: numbers.map(|at| Part { place: format!("Part{at}"), id: place(at) }).collect(),
            });
        }
    }
    let context = Context {
        prefix: USUAL_PREFIX,
        machines,
        statements: statements(grants),
        rights: rights(project, id),
    };
    let text = engine::render("kptn/aws.yaml", &[], &context)
        .map_err(|source| RenderError::Own { runner: "AWS", source })?;
    Ok(Rendered {
        path: project.settings.flows_dir.join("aws").join("template.yaml"),
        text: header::in_place(&text, "kptn render --runner aws"),
    })
}

/// Returns what jobs may do at the remote, wherever the stack has that. It may be any of `kptn.yaml`, or none of them yet.
fn rights(project: &Project, id: &ProjectId) -> Vec<remote::Statement> {
    let refs = || project.remotes.values().map(|remote| remote.refs.as_deref());
    let tables: BTreeSet<_> = refs().flatten().map(remote::table_of).collect();
    let place = remote::Place {
        bucket: "arn:${AWS::Partition}:s3:::${Name}".to_owned(),
        prefix: "${Prefix}".to_owned(),
        partitions: "s3://${Name}/${Prefix}".to_owned(),
        tables: "arn:${AWS::Partition}:dynamodb:${AWS::Region}:${AWS::AccountId}:table/",
        in_bucket: tables.is_empty() || refs().any(|refs| refs.is_none()),
        in_tables: tables.into_iter().collect(),
    };
    remote::statements(&place, id, &[], remote::Role::Jobs)
}

/// Returns what stands for a graph in resources' names: letters and digits, distinct for each graph, and the same
/// whatever other graphs there are: a stack takes another name for another thing.
fn place(graph: &str) -> String {
    let plain = graph.starts_with(|c: char| c.is_ascii_lowercase())
        && graph.len() <= 40
        && graph.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    let mut letters = graph.chars().filter(char::is_ascii_alphanumeric).take(40);
    let mut place: String = letters.next().iter().map(char::to_ascii_uppercase).collect();
    place.extend(letters);
    if !plain {
        place.push_str(&Digest::of(graph.as_bytes()).to_string()[..6]);
    }
    place
}

/// Returns where the text of a machine is put, another place for each text, so that a stack sees that it changed.
pub fn machine_key(path: &Path, text: &str) -> String {
    let file = path.file_name().unwrap_or_default().to_string_lossy();
    let (stem, _) = file.split_once(".asl.json").unwrap_or((&file, ""));
    let stem = crate::model::safe_folder_name(stem);
    format!("kptn-machines/{stem}-{}.asl.json", &Digest::of(text.as_bytes()).to_string()[..16])
}

/// Returns what a machine is called: at most 80 characters with a stack's name of 40 or so.
pub fn machine_name(stack: &str, graph: &str, part: usize) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    let mut name: String = graph.chars().map(safe).take(24).collect();
    if name != graph {
        name.push('-');
        name.push_str(&Digest::of(graph.as_bytes()).to_string()[..6]);
    }
    if part > 0 {
        name.push_str(&format!("-part{part}"));
    }
    format!("{stack}-{name}")
}

/// Puts together what is allowed on the same things, and then what allows the same.
fn statements(grants: BTreeSet<Grant>) -> Vec<Statement> {
    let mut of_resource: BTreeMap<String, Vec<&'static str>> = BTreeMap::new();
    for Grant { resource, action } in grants {
        of_resource.entry(resource).or_default().push(action);
    }
    let mut of_actions: BTreeMap<Vec<&'static str>, Vec<String>> = BTreeMap::new();
    for (resource, actions) in of_resource {
        of_actions.entry(actions).or_default().push(resource);
    }
    of_actions.into_iter().map(|(actions, resources)| Statement { actions, resources }).collect()
}
