//! `kptn cat`: prints what a task left.

use std::io::{self, Write};

use super::Context;
use super::path;
use crate::cli::error::CommandError;
use crate::cli::exit::Exit;
use crate::cli::printer::Printer;
use crate::cli::transfer::Transfer;
use crate::ops::reading;

/// Print a file that a task left, or what it returned as JSON
///
/// Without FILE: what it returned (`cache_result`), else the one file that it left. The bytes come
/// from the store, as they were made: nothing is written, and an edited file is not read.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What is to be printed
    #[command(flatten)]
    pub wanted: path::Args,
}

/// Prints it.
pub fn run(args: &Args, context: &Context<'_>) -> Result<Exit, CommandError> {
    let mut out = Out(&context.printer);
    let transfer = Transfer::new(&context.printer);
    let read = reading::cat(&context.start()?, &args.wanted.wanted(context), &mut out, &transfer);
    transfer.end();
    read?;
    Ok(Exit::FINE)
}

/// The printer as a writer of bytes, which ends where nobody reads.
struct Out<'a>(&'a Printer);

impl Write for Out<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.bytes(bytes);
        if self.0.is_open() { Ok(bytes.len()) } else { Err(io::ErrorKind::BrokenPipe.into()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
