//! The page of all commands, made of their help; `docs/reference/cli.md` is it.

use clap::CommandFactory;

use super::args::Arguments;

const HEAD: &str = "# Commands\n\n\
    The help of every command, as `kptn COMMAND --help` prints it. Made from the code; a test holds it equal.\n";

/// Returns the page as Markdown.
pub fn page() -> String {
    let mut command = Arguments::command().max_term_width(96).term_width(96);
    command.build();
    let mut page = HEAD.to_owned();
    add(&mut page, "kptn", &mut command);
    page
}

fn add(page: &mut String, name: &str, command: &mut clap::Command) {
    let help = command.render_long_help().to_string();
    let lines: Vec<&str> = help.trim().lines().map(str::trim_end).collect();
    page.push_str(&format!("\n## `{name}`\n\n```text\n{}\n```\n", lines.join("\n")));
    for inner in command.get_subcommands_mut().filter(|inner| !inner.is_hide_set()) {
        let name = format!("{name} {}", inner.get_name());
        // The global options are said once, at the top.
        let mut inner = inner.clone().mut_args(|arg| {
            let global = arg.is_global_set();
            arg.hide(global)
        });
        add(page, &name, &mut inner);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_page_is_the_help_of_today() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference/cli.md");
        let page = page();
        if std::env::var_os("KPTN_WRITE_DOCS").is_some() {
            std::fs::write(&path, &page).unwrap();
        }
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(committed == page, "write it with `KPTN_WRITE_DOCS=1 cargo test --lib cli::reference`");
    }
}
