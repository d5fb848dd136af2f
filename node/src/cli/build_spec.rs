//! `realm build-spec`.

use super::{Failure, args::BuildSpecArgs, output, serve};

/// Prints a chain specification with every default written out.
///
/// # Errors
/// It is neither a preset nor a file, or the file is wrong.
pub fn run(args: BuildSpecArgs) -> Result<(), Failure> {
    let chain = serve::chain(&args.chain).map_err(|error| Failure::Start(error.to_string()))?;
    output::line(chain.to_json().trim_end())
}
