//! `kptn config show`: the configuration as it was understood, defaults filled in.

use serde_json::{Value, json};

use crate::cli::table;
use crate::cli::words;
use crate::model::{AutoClone, CheckoutFiles, Project, Settings};

/// Returns the project as one JSON value.
pub fn document(project: &Project) -> Value {
    let mut value = json!({
        "version": crate::cli::live::VERSION,
        "root": project.root,
        "config": project.config_path,
        "settings": settings(&project.settings),
        "graphs": project.graphs.values().collect::<Vec<_>>(),
    });
    forget_empty(&mut value);
    value
}

/// Returns the project as text.
pub fn text(project: &Project, width: usize) -> String {
    let mut rows = vec![
        ("root".to_owned(), project.root.display().to_string()),
        ("kptn.yaml".to_owned(), project.config_path.display().to_string()),
    ];
    let mut settings = settings(&project.settings);
    forget_empty(&mut settings);
    rows.extend(settings.as_object().into_iter().flatten().map(|(name, value)| (name.clone(), shown(value))));
    let mut out = table::pairs(&rows, width);
    for graph in project.graphs.values() {
        let tasks: Vec<&str> = graph.tasks.keys().map(|task| task.as_str()).collect();
        let tasks = format!("{}: {}", words::count(tasks.len() as u64, "task", "tasks"), tasks.join(", "));
        let values = graph.config.iter().map(|(name, value)| (format!("  {name}"), shown(value)));
        let rows: Vec<_> = [(format!("graph {}", graph.name), tasks)].into_iter().chain(values).collect();
        out.push('\n');
        out.push_str(&table::pairs(&rows, width));
    }
    out
}

fn settings(settings: &Settings) -> Value {
    json!({
        "project": settings.project,
        "flows_dir": settings.flows_dir,
        "py_tasks_dir": settings.py_tasks_dirs,
        "r_tasks_dir": settings.r_tasks_dirs,
        "outputs_dir": settings.outputs_dir.as_deref().unwrap_or("scratch/<branch>"),
        "flow_type": settings.flow_type,
        "templates": settings.templates,
        "prefect": settings.prefect,
        "cache_namespace": settings.cache_namespace,
        "docker_image": settings.docker_image,
        "python": settings.python,
        "rscript": settings.rscript,
        "protected": settings.protected,
        "lockfiles": settings.lockfiles,
        "store": settings.store,
        "link": settings.link,
        "auto_clone": settings.auto_clone == AutoClone::Yes,
        "restore_on_checkout": settings.checkout_files == CheckoutFiles::Restored,
        "hooks": { "pre_push": settings.pre_push },
        "concurrency": settings.concurrency,
    })
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().map(shown).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

/// What nobody set says nothing.
fn forget_empty(value: &mut Value) {
    let empty = |value: &Value| match value {
        Value::Null => true,
        Value::Array(parts) => parts.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    };
    if let Value::Object(fields) = value {
        fields.retain(|_, value| !empty(value));
    }
}
