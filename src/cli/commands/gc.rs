//! `kptn gc`: makes room in the store.

use std::time::Duration;

use super::Context;
use crate::cli::collecting::Collecting;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::transfer::Transfer;
use crate::cli::views::{self, Document};
use crate::model;
use crate::ops::collect::{self, Earnest, GcRequest};
use crate::ops::remotes;
use crate::remote::{self, Asked};

const HOUR: u64 = 60 * 60;

/// What is put aside here is a matter of this machine; what is deleted at a remote waits for pushes.
const GRACE: Duration = Duration::from_secs(7 * 24 * HOUR);
const GRACE_AT_REMOTE: Duration = Duration::from_secs(48 * HOUR);

/// Make room in the store: what no branch, tag, run or operation of late needs
///
/// Only says what would go, unless `--yes` is given. What goes is put into the store's trash first,
/// where every command still finds it and `kptn undo` brings it back; a later `gc` deletes what has
/// been there for the grace time. Runs need not be stopped for it.
///
/// With `--remote` a remote is collected instead, all projects and branches of it. What goes is
/// announced first, so that every push sends again what it needs of it; a later `gc --remote` deletes
/// what was announced the grace time ago and what nobody needs still. Nobody has to stop for it.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Do it
    #[arg(short, long)]
    pub yes: bool,
    /// Keep what `undo` would need of operations as young as this, such as `30d` or `12h`
    #[arg(long, value_name = "TIME", default_value = "30d", value_parser = parse_time)]
    pub keep: Duration,
    /// Delete what has been in the trash, or was announced at the remote, for this long; `7d`, and `48h` with
    /// `--remote`
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub grace: Option<Duration>,
    /// Put aside no more than it takes to have the store this small, such as `20GB`: the oldest results first
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub max_size: Option<u64>,
    /// Collect at a remote instead: the one named in `kptn.yaml`, or the only one
    #[arg(long, value_name = "REMOTE", num_args = 0..=1, conflicts_with = "max_size")]
    pub remote: Option<Option<String>>,
}

/// Collects.
pub fn run(args: &Args, context: &Context<'_>) -> Result<Exit, CommandError> {
    if let Some(remote) = &args.remote {
        return at_remote(args, remote.as_deref(), context);
    }
    let request = GcRequest {
        earnest: if args.yes { Earnest::Yes } else { Earnest::No },
        keep_ms: ms(args.keep),
        grace_ms: ms(args.grace.unwrap_or(GRACE)),
        max_size: args.max_size,
    };
    let printer = &context.printer;
    let bar = Collecting::new(printer);
    let collected = collect::gc(&context.footing()?, &request, &|step, done, of| bar.at(step, done, of));
    bar.end();
    let report = collected?;
    if printer.json {
        printer.document(&Document::of(&report));
    } else {
        printer.data(views::room::collected(&report, context.now_ms()));
    }
    Ok(Exit::FINE)
}

fn at_remote(args: &Args, name: Option<&str>, context: &Context<'_>) -> Result<Exit, CommandError> {
    let asked = Asked {
        earnest: if args.yes { remote::Earnest::Yes } else { remote::Earnest::No },
        keep_ms: ms(args.keep),
        grace_ms: ms(args.grace.unwrap_or(GRACE_AT_REMOTE)),
    };
    let printer = &context.printer;
    let transfer = Transfer::new(printer);
    let collected = remotes::gc(&context.open()?, name, &asked, &transfer);
    transfer.end();
    let report = collected?;
    if printer.json {
        printer.document(&Document::of(&report));
    } else {
        printer.data(views::upkeep::collected(&report, context.now_ms()));
    }
    Ok(Exit::FINE)
}

fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Parses a time: a whole number of days, hours, minutes or seconds.
pub(super) fn parse_time(text: &str) -> Result<Duration, String> {
    let error = || "use a whole number with a unit, such as `30d`, `12h`, `15min` or `0d`".to_owned();
    let text = text.trim();
    let at = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(error)?;
    let (number, unit) = text.split_at(at);
    let number: u64 = number.parse().map_err(|_| error())?;
    let seconds = match unit.trim() {
        "d" | "day" | "days" => 24 * HOUR,
        "h" | "hour" | "hours" => HOUR,
        "min" | "m" => 60,
        "s" => 1,
        _ => return Err(error()),
    };
    number.checked_mul(seconds).map(Duration::from_secs).ok_or_else(error)
}

fn parse_size(text: &str) -> Result<u64, String> {
    model::parse_size(text).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_sizes_have_units_and_nothing_is_guessed() {
        let seconds = |text| parse_time(text).map(|time| time.as_secs());
        assert_eq!(seconds("30d"), Ok(30 * 86_400));
        assert_eq!((seconds("12 h"), seconds("0d")), (Ok(43_200), Ok(0)));
        for wrong in ["", "30", "d", "-1d", "1.5d", "30x", "99999999999999999999d", "999999999999999999d"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
        assert_eq!(parse_size("20GB"), Ok(20_000_000_000));
        assert_eq!((parse_size("1.5 KiB"), parse_size("7")), (Ok(1536), Ok(7)));
        for wrong in ["", "GB", "-1GB", "1..2GB", "20 XB", "2GB3"] {
            assert!(parse_size(wrong).is_err(), "{wrong}");
        }
    }
}
