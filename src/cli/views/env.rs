//! `kptn env`: variables, as something else reads them.
//!
//! ```text
//! sh       export NAME='value'           for eval "$(kptn env TASK)"
//! dotenv   NAME='value'                  for editors, notebooks, containers
//! r        Sys.setenv("NAME" = "value")  for source()
//! ```

use serde_json::Value;

/// How variables are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Format {
    /// For a POSIX shell
    #[default]
    Sh,
    /// For a `.env` file
    Dotenv,
    /// For R
    R,
    /// One JSON object
    Json,
}

/// Returns the whole text.
pub fn text(variables: &[(String, String)], format: Format) -> String {
    let line = |(name, value): &(String, String)| match format {
        Format::Sh if !is_identifier(name) => format!("# a shell has no variable `{}`\n", one_line(name)),
        Format::Sh => format!("export {name}={}\n", quoted_for_shell(value)),
        Format::Dotenv => format!("{name}={}\n", quoted_for_dotenv(value)),
        Format::R => format!("Sys.setenv({} = {})\n", quoted_for_r(name), quoted_for_r(value)),
        Format::Json => String::new(),
    };
    if format == Format::Json {
        let all = variables.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str())));
        return format!("{:#}\n", Value::Object(all.collect()));
    }
    variables.iter().map(line).collect()
}

fn is_identifier(name: &str) -> bool {
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    starts && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn quoted_for_shell(value: &str) -> String {
    format!("'{}'", value.replace('\'', r"'\''"))
}

/// Bare where every reader agrees on it.
fn quoted_for_dotenv(value: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_./:@%+,=-".contains(c);
    if !value.is_empty() && value.chars().all(plain) {
        return value.to_owned();
    }
    format!("'{}'", value.replace('\\', r"\\").replace('\'', r"\'"))
}

fn quoted_for_r(value: &str) -> String {
    let escaped = value.chars().map(|c| match c {
        '"' | '\\' => format!("\\{c}"),
        '\n' => "\\n".to_owned(),
        c if c.is_control() => format!("\\u{:04x}", u32::from(c)),
        c => c.to_string(),
    });
    format!("\"{}\"", escaped.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Vec<(String, String)> {
        [("A", "/x/y"), ("B", "it's \"so\"\n$HOME \\"), ("a.b", "1")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into()
    }

    #[test]
    fn each_format_quotes_what_its_readers_would_change() {
        insta::assert_snapshot!(text(&sample(), Format::Sh), @r#"
        export A='/x/y'
        export B='it'\''s "so"
        $HOME \'
        # a shell has no variable `a.b`
        "#);
        insta::assert_snapshot!(text(&sample(), Format::Dotenv), @r#"
        A=/x/y
        B='it\'s "so"
        $HOME \\'
        a.b=1
        "#);
        insta::assert_snapshot!(text(&sample(), Format::R), @r#"
        Sys.setenv("A" = "/x/y")
        Sys.setenv("B" = "it's \"so\"\n$HOME \\")
        Sys.setenv("a.b" = "1")
        "#);
    }

    #[test]
    fn the_shell_reads_back_what_was_written() {
        let variables = &sample()[..2];
        let script = format!("{}printf %s \"$B\"", text(variables, Format::Sh));
        let said = crate::process::run_captured(
            &crate::process::Launch::shell(&script),
            std::time::Duration::from_secs(20),
        );
        assert_eq!(String::from_utf8(said.unwrap().output).unwrap(), variables[1].1);
    }
}
