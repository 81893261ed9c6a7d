//! What a deployment starts from: rendered files, an identity, the name of a stack.

use std::path::Path;

use super::parameters::pairs;
use super::{DeployError, Deployment, MachineText, Wanted};
use crate::aws::{Aws, Place};
use crate::ops::report::{RenderedFile, RenderedState};
use crate::ops::run::new_run_id;
use crate::ops::runner::{Rendering, Runner, render_graph, render_of_project, texts};
use crate::ops::{OpsError, Session};
use crate::render::{self, ProjectFile};

impl<'a> Deployment<'a> {
    /// Renders what is deployed, and finds out who asks. Changes nothing elsewhere.
    pub fn prepare(session: &'a Session, wanted: &'a Wanted, rendering: Rendering) -> Result<Self, OpsError> {
        let (stack, place) = whereabouts(session, wanted)?;
        pairs(&wanted.parameters)?;
        let Some(first) = session.project.graphs.values().next() else {
            return Err(OpsError::NoGraph { path: session.project.config_path.clone() });
        };
        let (mut files, mut machines) = (Vec::new(), Vec::new());
        for graph in session.project.graphs.values() {
            let rendered = render_graph(session, graph, &Runner::StepFunctions, rendering)?;
            refuse_edited(&rendered)?;
            files.extend(rendered);
            machines.extend(texts(session, graph, &Runner::StepFunctions)?.into_iter().map(|file| {
                MachineText {
                    key: render::machine_key(&file.path, &file.text),
                    path: file.path,
                    text: file.text,
                }
            }));
        }
        let rendered = render_graph(session, first, &Runner::Aws, rendering)?;
        let own = texts(session, first, &Runner::Aws)?.into_iter().next();
        let (template, mut text) = own.map(|file| (file.path, file.text)).unwrap_or_default();
        if rendered.iter().any(|file| file.state == RenderedState::Edited) {
            text = edited(&template, &machines)?;
        }
        files.extend(rendered.into_iter().map(|file| RenderedFile { graph: None, ..file }));
        for file in [ProjectFile::Dockerfile, ProjectFile::Dockerignore] {
            files.push(render_of_project(session, file, rendering)?);
        }
        let aws = Aws::open(&place)?;
        let identity = aws.identity()?;
        Ok(Self {
            session,
            wanted,
            aws,
            identity,
            stack,
            change: format!("kptn-{}", new_run_id()),
            profile: place.profile,
            files,
            template,
            text,
            machines,
        })
    }
}

/// Returns which stack is meant, and where.
pub(super) fn whereabouts(session: &Session, wanted: &Wanted) -> Result<(String, Place), OpsError> {
    let said = &session.project.settings.aws;
    let stack = wanted.stack.clone().or_else(|| said.stack.clone());
    let stack = stack.unwrap_or_else(|| usual_name(&session.project.root));
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let fits =
        stack.starts_with(|c: char| c.is_ascii_alphabetic()) && stack.chars().all(plain) && stack.len() <= 40;
    if !fits {
        return Err(DeployError::StackName { name: stack }.into());
    }
    let place = Place {
        region: wanted.region.clone().or_else(|| said.region.clone()),
        profile: wanted.profile.clone().or_else(|| said.profile.clone()),
    };
    Ok((stack, place))
}

/// Returns `kptn-survey` for a project in a folder `survey`.
fn usual_name(root: &Path) -> String {
    let folder = root.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    let safe: String = folder.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let parts: Vec<&str> = safe.split('-').filter(|part| !part.is_empty()).collect();
    let name = parts.join("-");
    let name = name.strip_prefix("kptn-").unwrap_or(&name);
    format!("kptn-{}", if name.is_empty() { "project" } else { &name[..name.len().min(30)] })
        .trim_end_matches('-')
        .to_owned()
}

/// What is deployed is what the template names by its digest.
fn refuse_edited(files: &[RenderedFile]) -> Result<(), DeployError> {
    match files.iter().find(|file| file.state == RenderedState::Edited) {
        Some(file) => Err(DeployError::EditedMachine { path: file.path.clone() }),
        None => Ok(()),
    }
}

/// Returns a template that a person has edited, as long as it is of the machines that there are.
fn edited(path: &Path, machines: &[MachineText]) -> Result<String, OpsError> {
    let text = std::fs::read_to_string(path).map_err(|error| OpsError::io("read", path, error))?;
    match machines.iter().all(|machine| text.contains(&machine.key)) {
        true => Ok(text),
        false => Err(DeployError::EditedTemplate { path: path.to_owned() }.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_is_called_as_its_project() {
        for (folder, name) in [
            ("/home/ada/survey", "kptn-survey"),
            ("/x/Émile's survey_2", "kptn-mile-s-survey-2"),
            ("/x/kptn-survey", "kptn-survey"),
            ("/x/日本", "kptn-project"),
            ("/", "kptn-project"),
            ("/x/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-b", "kptn-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
        ] {
            assert_eq!(usual_name(Path::new(folder)), name);
        }
    }
}
