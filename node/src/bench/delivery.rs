//! How long a token takes from being sampled to its client. The host says when it samples (as a trace, which costs
//! nothing where nobody listens), and the client in the same process knows when the text came.

use super::timeline::Timeline;
use realm_host_functions::SAMPLED;
use std::{
    collections::HashMap,
    fmt::Debug,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    Layer,
    filter::Targets,
    layer::{Context, SubscriberExt},
    util::SubscriberInitExt,
};

/// When tokens were sampled, by the name of the tenant. A tenant's streams must not overlap to be told apart.
#[derive(Clone, Default, Debug)]
pub struct Samplings(Arc<Mutex<HashMap<String, Vec<Instant>>>>);

impl Samplings {
    /// Listens from now on, to all that this process samples.
    ///
    /// # Errors
    /// This process has a log already.
    pub fn listen() -> Result<Self, String> {
        let samplings = Self::default();
        let only = Targets::new().with_target(SAMPLED, Level::TRACE);
        let log = tracing_subscriber::registry().with(samplings.clone().with_filter(only));
        log.try_init().map_err(|error| format!("cannot listen to samplings: {error}"))?;
        Ok(samplings)
    }

    /// The tenant's samplings since this was last asked.
    pub fn take(&self, tenant: &str) -> Vec<Instant> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(tenant).unwrap_or_default()
    }
}

impl<S: Subscriber> Layer<S> for Samplings {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let now = Instant::now();
        let mut tenant = Tenant::default();
        event.record(&mut tenant);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(tenant.0).or_default().push(now);
    }
}

#[derive(Default)]
struct Tenant(String);

impl Visit for Tenant {
    fn record_str(&mut self, _: &Field, value: &str) {
        value.clone_into(&mut self.0);
    }

    fn record_debug(&mut self, _: &Field, _: &dyn Debug) {}
}

/// Milliseconds from the sampling of each token that ends a piece of text to that text's arrival. Empty if the samplings
/// are not those of the stream alone.
pub fn delays_ms(stream: &Timeline, sampled: &[Instant]) -> Vec<f64> {
    let last = stream.arrivals.last().map_or(0, |(_, count)| *count);
    if sampled.len() < last as usize {
        return Vec::new();
    }
    let delay = |&(arrived, count): &(Instant, u32)| {
        let sampled = sampled.get(count.checked_sub(1)? as usize)?;
        Some(arrived.saturating_duration_since(*sampled).as_secs_f64() * 1e3)
    };
    stream.arrivals.iter().filter_map(delay).collect()
}
