//! `realm_unsubscribe` for both of the methods that subscribe to events.
//!
//! jsonrpsee pairs every subscription method with an unsubscription method of its own. A client that resumes a stream
//! should not have to know which of two ended up under an id, so `realm_unsubscribe` asks both. It also notes that the
//! client asked, because jsonrpsee tells a subscription only that it is over: a lost connection looks the same.

use crate::events::Streams;
use jsonrpsee::{MethodCallback, RpcModule, core::RegisterMethodError, types::SubscriptionId};
use std::sync::Arc;

const BOTH: &str = "realm_unsubscribe";
const RESUMED: &str = "realm_unresume";

/// The same methods, joined.
///
/// # Errors
/// Never, as long as the names are those of the trait.
pub fn joined(mut module: RpcModule<()>, streams: &Arc<Streams>) -> Result<RpcModule<()>, RegisterMethodError> {
    let (Some(MethodCallback::Unsubscription(first)), Some(MethodCallback::Unsubscription(resumed))) =
        (module.remove_method(BOTH), module.remove_method(RESUMED))
    else {
        return Err(RegisterMethodError::MethodNotFound(BOTH.to_owned()));
    };
    for name in [BOTH, RESUMED] {
        let (first, resumed, streams) = (first.clone(), resumed.clone(), streams.clone());
        let both = MethodCallback::Unsubscription(Arc::new(move |id, params, connection, size_max, extensions| {
            if let Ok(subscription) = params.one::<SubscriptionId<'_>>() {
                streams.unsubscribe(connection, subscription.into_owned());
            }
            let answer = first(id.clone(), params.clone(), connection, size_max, extensions.clone());
            match answer.as_json().get().contains("\"result\":true") {
                true => answer,
                false => resumed(id, params, connection, size_max, extensions),
            }
        }));
        module.verify_and_insert(name, both)?;
    }
    Ok(module)
}
