//! `realm completions` and `realm man`: what shells and manuals know of the command line, out of the
//! same definitions as `--help`.

use super::{Failure, args::Args, output};
use clap::CommandFactory;
use clap_complete::Shell;
use std::path::Path;

/// Prints a shell's completion script.
///
/// # Errors
/// Standard output cannot be written.
pub fn completions(shell: Shell) -> Result<(), Failure> {
    let mut command = Args::command();
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, name, &mut script);
    output::bytes(&script)
}

/// Prints the man page, or writes the pages of all commands into a folder.
///
/// # Errors
/// Standard output or the folder cannot be written.
pub fn man(folder: Option<&Path>) -> Result<(), Failure> {
    let command = Args::command();
    match folder {
        Some(folder) => std::fs::create_dir_all(folder)
            .and_then(|()| clap_mangen::generate_to(command, folder))
            .map_err(|error| Failure::Usage(format!("cannot write pages into {}: {error}", folder.display()))),
        None => {
            let mut page = Vec::new();
            clap_mangen::Man::new(command)
                .render(&mut page)
                .map_err(|error| Failure::Usage(format!("cannot write the page: {error}")))?;
            output::bytes(&page)
        }
    }
}
