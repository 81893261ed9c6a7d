//! What an R script said before it halted.
//!
//! ```text
//! Error: no data                      stop("no data") at top level
//! Error in f(1) : no data             in a function, on one line where it fits
//! Error in `f()`:                     rlang
//! ! no data
//! Calls: g -> f                       not part of it, nor is what follows
//! Execution halted
//! ```
//!
//! R speaks the user's language; where these words are not found, the last
//! line stands for the error.

/// A message of more lines than this is shown by the log alone.
const MOST_LINES: usize = 6;

/// Finds the error among the last lines of a log, in one line; absent where nothing was printed.
pub fn find(lines: &[String]) -> Option<String> {
    let ends = |line: &str| {
        ["Calls:", "Execution halted", "Backtrace:", "In addition:", "Warning message", "Traceback", "[kptn:"]
            .iter()
            .any(|word| line.starts_with(word))
    };
    let begins = |line: &&String| line.starts_with("Error:") || line.starts_with("Error in ");
    let Some(first) = lines.iter().rposition(|line| begins(&line)) else {
        return lines
            .iter()
            .rev()
            .map(|line| line.trim())
            .find(|line| !line.is_empty() && !ends(line))
            .map(str::to_owned);
    };
    let parts = lines[first..].iter().map(|line| line.trim()).take_while(|line| !ends(line)).take(MOST_LINES);
    // What rlang marks with `!` is the message; its further bullets are details.
    let parts: Vec<&str> =
        parts.filter(|line| !line.is_empty()).map(|line| line.trim_start_matches("! ")).collect();
    Some(parts.join(" "))
}

#[cfg(test)]
mod tests {
    use super::find;

    fn of(text: &str) -> Option<String> {
        find(&text.lines().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn the_error_is_found_in_each_of_its_forms() {
        assert_eq!(of("a\nError: no data\nExecution halted"), Some("Error: no data".into()));
        assert_eq!(
            of("Error in f(1) : no data\nCalls: g -> f\nExecution halted"),
            Some("Error in f(1) : no data".into())
        );
        assert_eq!(
            of(
                "Error in file(file, \"rt\") : \n  cannot open the connection\nIn addition: Warning message:\nx\nExecution halted"
            ),
            Some("Error in file(file, \"rt\") : cannot open the connection".into())
        );
        assert_eq!(
            of("Error in `f()`:\n! no data\nBacktrace:\n 1. f()\nExecution halted"),
            Some("Error in `f()`: no data".into())
        );
    }

    #[test]
    fn the_last_error_counts_and_other_languages_give_their_last_line() {
        assert_eq!(of("Error: caught\nok\nError: real\nExecution halted"), Some("Error: real".into()));
        assert_eq!(of("Fehler: keine Daten\n"), Some("Fehler: keine Daten".into()));
        assert_eq!(of(""), None);
    }
}
