//! The user's own templates: any engine.
//!
//! Comments in the template, each on a line of its own, say what only they can know:
//!
//! ```text
//! {# writes: PATH #}      where the file goes, from the project's root, with `<graph>` in it;
//!                         else it is `flows_dir/<graph>_NAME`
//! {# starts: COMMAND #}   a shell's line that runs what was written, in the project's root, and
//!                         lasts as long as the run; a template itself, which is also given `python`
//! ```

use std::path::{Component, Path, PathBuf};

use serde::Serialize;

use super::{Context, RenderError, Rendered, Template, context, engine, file_stem, header};
use crate::model::{Graph, Project};

/// Renders the file that a template makes of one graph.
pub fn of_template(
    project: &Project,
    graph: &Graph,
    templates: &[Template],
    name: &str,
) -> Result<Rendered, RenderError> {
    let path = path_of(project, graph, templates, name)?;
    let context = context(project, graph, &path);
    let text = engine::render(name, templates, &context)
        .map_err(|source| RenderError::Template { name: name.to_owned(), source })?;
    let quoted = shlex::try_quote(name).map(|quoted| quoted.into_owned()).unwrap_or_default();
    Ok(Rendered { path, text: header::in_place(&text, &format!("kptn render --runner {quoted}")) })
}

/// Returns the command that starts what a template makes; absent where it does not say.
pub fn start_of(
    project: &Project,
    graph: &Graph,
    templates: &[Template],
    name: &str,
    python: Option<&Path>,
) -> Result<Option<String>, RenderError> {
    let path = path_of(project, graph, templates, name)?;
    let template = templates.iter().find(|one| one.name == name);
    let Some(command) = template.and_then(|template| said(&template.text, "starts:")) else {
        return Ok(None);
    };
    let python = python.map(|path| path.to_string_lossy());
    let python = python.and_then(|path| shlex::try_quote(&path).ok().map(|quoted| quoted.into_owned()));
    let given = Start { context: context(project, graph, &path), python };
    let command = Template { name: format!("{name}: starts"), text: command.to_owned() };
    let text = engine::render(&command.name, std::slice::from_ref(&command), &given)
        .map_err(|source| RenderError::Template { name: name.to_owned(), source })?;
    Ok(Some(text.trim_end().to_owned()))
}

/// What a command is given that starts something.
#[derive(Serialize)]
struct Start<'a> {
    #[serde(flatten)]
    context: Context<'a>,
    /// The project's Python, a word of a shell.
    python: Option<String>,
}

/// Returns where the file goes that a template makes.
pub fn path_of(
    project: &Project,
    graph: &Graph,
    templates: &[Template],
    name: &str,
) -> Result<PathBuf, RenderError> {
    let Some(template) = templates.iter().find(|one| one.name == name) else {
        let own = ["python", "prefect", "slurm", "stepfunctions", "aws"].map(str::to_owned).into_iter();
        let known = own.chain(templates.iter().map(|one| one.name.clone())).collect();
        return Err(RenderError::Unknown { name: name.to_owned(), known });
    };
    let stem = file_stem(project, graph);
    let Some(written) = said(&template.text, "writes:") else {
        return Ok(project.settings.flows_dir.join(format!("{stem}_{name}")));
    };
    let path = written.replace("<graph>", &stem);
    let inside = |part| matches!(part, Component::Normal(_) | Component::CurDir);
    if path.is_empty() || !Path::new(&path).components().all(inside) {
        return Err(RenderError::Outside { name: name.to_owned(), path });
    }
    Ok(project.root.join(path))
}

/// Returns what a comment on a line of its own says after a word.
fn said<'t>(text: &'t str, word: &str) -> Option<&'t str> {
    let comments = text.lines().filter_map(|line| line.trim().strip_prefix("{#")?.split_once("#}"));
    let mut comments = comments.map(|(comment, _)| comment.trim_matches(['-', '+', ' ']));
    comments.find_map(|comment| comment.strip_prefix(word)).map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_say_where_the_file_goes_and_how_it_is_started() {
        let (writes, starts) = (|text| said(text, "writes:"), |text| said(text, "starts:"));
        assert_eq!(writes("{# writes: Makefile #}\nall:\n"), Some("Makefile"));
        assert_eq!(writes("{#- writes: a/<graph>.yml -#}\n"), Some("a/<graph>.yml"));
        assert_eq!(
            starts("{# writes: a #}\n{# starts: make -f {{ command }} #}\n"),
            Some("make -f {{ command }}")
        );
        for text in ["", "all:\n", "{# a comment #}\n", "a {# writes: x #}", "writes: x"] {
            assert_eq!(writes(text), None, "{text}");
        }
    }
}
