//! The user's own templates: any engine.
//!
//! Where the file goes is said in the template's first line, a comment
//! `{# writes: PATH #}` with `<graph>` for the graph and a path from the
//! project's root; else it is `flows_dir/<graph>_NAME`.

use std::path::{Component, Path, PathBuf};

use super::{RenderError, Rendered, Template, context, engine, file_stem, header};
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
    let Some(written) = writes(&template.text) else {
        return Ok(project.settings.flows_dir.join(format!("{stem}_{name}")));
    };
    let path = written.replace("<graph>", &stem);
    let inside = |part| matches!(part, Component::Normal(_) | Component::CurDir);
    if path.is_empty() || !Path::new(&path).components().all(inside) {
        return Err(RenderError::Outside { name: name.to_owned(), path });
    }
    Ok(project.root.join(path))
}

fn writes(text: &str) -> Option<&str> {
    let comment = text.lines().next()?.trim().strip_prefix("{#")?;
    let (comment, _) = comment.split_once("#}")?;
    let comment = comment.trim_matches(['-', '+', ' ']);
    comment.strip_prefix("writes:").map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_says_where_the_file_goes() {
        assert_eq!(writes("{# writes: Makefile #}\nall:\n"), Some("Makefile"));
        assert_eq!(writes("{#- writes: a/<graph>.yml -#}\n"), Some("a/<graph>.yml"));
        for text in ["", "all:\n", "{# a comment #}\n", "\n{# writes: x #}"] {
            assert_eq!(writes(text), None, "{text}");
        }
    }
}
