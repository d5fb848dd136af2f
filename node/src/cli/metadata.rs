//! `realm metadata`.

use super::{Failure, args::NodeArgs, block_on, client, output};
use realm_rpc::api::SystemClient;

/// Prints the discovery document.
///
/// # Errors
/// The node cannot be reached.
pub fn run(args: NodeArgs) -> Result<(), Failure> {
    block_on(async {
        let node = client::connect(&args.url).await?;
        output::line(format_args!("{:#}", node.metadata().await?))
    })
}
