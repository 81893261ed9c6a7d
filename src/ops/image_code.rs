//! What the tasks in an image are made of: who pushes it writes that beside the machines' texts, who starts a run
//! compares it with the code here, before a container is paid for.

use std::collections::BTreeMap;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::survey::{environment, find_interpreters};
use super::{OpsError, Session, memo};
use crate::aws::Aws;
use crate::fingerprint::{Surroundings, gather};
use crate::model::{Change, Graph, Ingredient, IngredientKind, RemoteSettings, TaskName};
use crate::plan::changes_between;
use crate::remote::{Absent, Bucket, block_on, open};

/// What an image has of each task.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ImageCode(BTreeMap<TaskName, Vec<Ingredient>>);

impl ImageCode {
    /// Looks at the tasks of a graph that `wanted` names as they are here.
    pub fn of(
        session: &Session,
        graph: &Graph,
        wanted: impl Fn(&TaskName) -> bool,
    ) -> Result<Self, OpsError> {
        let memo = memo::open(session)?;
        let (interpreters, no_probes) = (find_interpreters(session, &memo, graph), BTreeMap::new());
        let surroundings =
            Surroundings::new(&session.project, graph, &interpreters, &no_probes, &environment, &memo);
        let tasks: Vec<_> = graph.tasks.values().filter(|task| wanted(&task.name)).collect();
        let of_files = |one: &Ingredient| is_in_images(one.kind);
        let look = |task: &&crate::model::Task| {
            let all = gather(task, &surroundings).ingredients;
            (task.name.clone(), all.into_iter().filter(of_files).collect())
        };
        let found = Self(tasks.par_iter().map(look).collect());
        memo::save(&memo);
        Ok(found)
    }

    /// Looks at all tasks of the project.
    pub fn of_project(session: &Session) -> Result<Self, OpsError> {
        let mut all = Self::default();
        for graph in session.project.graphs.values() {
            all.0.extend(Self::of(session, graph, |_| true)?.0);
        }
        Ok(all)
    }

    /// Names the tasks of which the image has something else, each with what differs. One that the image does not know
    /// was not in the project then.
    pub fn differences(&self, here: &Self) -> Vec<(TaskName, Vec<String>)> {
        let differ = |(task, now): (&TaskName, &Vec<Ingredient>)| {
            let there = self.0.get(task).map_or(&[][..], Vec::as_slice);
            let changed: Vec<String> = changes_between(there, now).into_iter().map(Change::label).collect();
            (!changed.is_empty()).then(|| (task.clone(), changed))
        };
        here.0.iter().filter_map(differ).collect()
    }

    /// Reads what was said of the image with this tag; absent where nobody said anything, or it cannot be read.
    pub fn read(bucket: &Bucket, tag: &str) -> Result<Option<Self>, OpsError> {
        let bytes = block_on(bucket.read(&key(tag)))?;
        Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }

    /// Says it of the image with this tag.
    pub fn write(&self, bucket: &Bucket, tag: &str) -> Result<(), OpsError> {
        let bytes = serde_json::to_vec(self).unwrap_or_default();
        Ok(block_on(bucket.write(&key(tag), bytes))?)
    }
}

/// Opens a whole bucket, not a remote in it, with the credentials of a stack.
pub(super) fn bucket_of_stack(aws: &Aws, profile: Option<&str>, bucket: &str) -> Result<Bucket, OpsError> {
    let settings = RemoteSettings {
        url: format!("s3://{bucket}"),
        region: Some(aws.region().to_owned()),
        profile: profile.map(str::to_owned),
        ..RemoteSettings::default()
    };
    Ok(open(&settings, Absent::Fail)?)
}

fn key(tag: &str) -> String {
    format!("kptn-images/{tag}.json")
}

/// What comes with the image; all else comes with the run.
fn is_in_images(kind: IngredientKind) -> bool {
    matches!(kind, IngredientKind::Code | IngredientKind::Input | IngredientKind::Lockfile)
}
