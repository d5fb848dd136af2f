//! Who may run now. A call passes its tenant's gate and then the node's; each lets a bounded number
//! of calls run and a bounded number wait, first come first served.

mod gate;

pub use gate::{Gate, Refused, Ticket};

use realm_rpc::{ErrorCode, RpcError};

/// The places a call holds while it runs.
#[derive(Debug)]
#[must_use = "the places are free again when this is dropped"]
pub struct Admitted {
    _tenant: Ticket,
    _node: Ticket,
}

/// Waits for a place behind both gates.
///
/// # Errors
/// `OVERLOADED` with the place that was refused, at once.
///
/// # Cancel safety
/// Dropping the future gives up the place in the queue.
pub async fn admit(tenant: &Gate, node: &Gate) -> Result<Admitted, RpcError> {
    Ok(Admitted {
        _tenant: tenant.enter().await.map_err(|refused| overloaded("tenant", refused))?,
        _node: node.enter().await.map_err(|refused| overloaded("node", refused))?,
    })
}

fn overloaded(whose: &str, refused: Refused) -> RpcError {
    let Refused { position, queue_len_max } = refused;
    RpcError::new(
        ErrorCode::Overloaded,
        format!("the {whose}'s queue of {queue_len_max} calls is full; place {position} was refused"),
    )
    .with("position", position)
    .with("queue_len_max", queue_len_max)
}
