//! `realm upgrade`, `realm rollback`.

use super::{
    Failure,
    args::{RollbackArgs, UpgradeArgs},
    block_on, client, output,
};
use realm_rpc::api::AdminClient;

/// Sends a blob to a node and prints what changed, or with `--dry-run` what would change.
///
/// # Errors
/// The file cannot be read, the node cannot be reached, or it refuses the blob.
pub fn run(args: UpgradeArgs) -> Result<(), Failure> {
    let blob = std::fs::read(&args.file)
        .map_err(|error| Failure::Usage(format!("cannot read {}: {error}", args.file.display())))?;
    let code = format!("0x{}", hex::encode(blob));
    block_on(async {
        let node = client::connect(&args.node.url).await?;
        let report = match args.dry_run {
            true => node.dry_run_upgrade(code, args.tenant).await?,
            false => node.upgrade_runtime(code, args.tenant).await?,
        };
        output::line(format_args!("{report:#}"))
    })
}

/// Goes back to the runtime before the last upgrade and prints what changed.
///
/// # Errors
/// The node cannot be reached, or there is nothing to go back to.
pub fn roll_back(args: RollbackArgs) -> Result<(), Failure> {
    block_on(async {
        let report = client::connect(&args.node.url).await?.rollback_runtime(args.tenant).await?;
        output::line(format_args!("{report:#}"))
    })
}
