//! How much may begin, and how much may be computed, in a minute: token buckets of each tenant, by governor's GCRA.
//!
//! A call that begins takes one from the requests' bucket. Tokens are charged when they are computed, because nobody
//! knows before how many a call will want: what was computed is a debt that the tokens' bucket pays as it fills, and no
//! call begins while there is debt that it cannot pay. A call under way is never cut for it. So over time a tenant gets
//! its rate exactly; for a while it may get as much more as its running calls compute.

use crate::tenants::TenantId;
use governor::{
    NotUntil, Quota, RateLimiter,
    clock::{Clock, DefaultClock, Reference},
    middleware::NoOpMiddleware,
    nanos::Nanos,
    state::{InMemoryState, NotKeyed},
};
use realm_chain_spec::TenantLimits;
use std::{
    collections::BTreeMap,
    num::NonZeroU32,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// A bucket: so many a minute, so many at once after a pause.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Bucket {
    per_minute: NonZeroU32,
    burst: NonZeroU32,
}

impl Bucket {
    fn new(per_minute: u32, burst: u32) -> Self {
        let positive = |value| NonZeroU32::new(value).unwrap_or(NonZeroU32::MIN);
        Self { per_minute: positive(per_minute), burst: positive(burst) }
    }

    /// How long so many tokens take to flow in.
    fn time_of(self, tokens: u64) -> Nanos {
        let ns = u128::from(tokens) * 60_000_000_000 / u128::from(self.per_minute.get());
        Nanos::new(u64::try_from(ns).unwrap_or(u64::MAX))
    }

    fn tokens_limited(self, retry_after: Duration) -> RateLimited {
        RateLimited { what: "tokens", per_minute: self.per_minute.get(), retry_after }
    }

    fn quota(self) -> Quota {
        Quota::per_minute(self.per_minute).allow_burst(self.burst)
    }
}

/// What ran into its rate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RateLimited {
    /// `requests` or `tokens`.
    pub what: &'static str,
    /// How many it may have in a minute.
    pub per_minute: u32,
    /// When the next call can begin, if no other does before.
    pub retry_after: Duration,
}

/// The buckets of all tenants.
#[derive(Debug, Default)]
pub struct Rates<C: Clock = DefaultClock> {
    clock: C,
    tenants: Mutex<BTreeMap<TenantId, Arc<TenantRates<C>>>>,
}

type Limiter<C> = RateLimiter<NotKeyed, InMemoryState, C, NoOpMiddleware<<C as Clock>::Instant>>;

struct TenantRates<C: Clock> {
    requests: (Bucket, Limiter<C>),
    tokens: (Bucket, Limiter<C>),
    /// Tokens computed and not yet in `debt`; sandboxes add to it as they go.
    computed: Arc<AtomicU64>,
    /// What the tokens' bucket has not paid for.
    debt: Mutex<Debt<C::Instant>>,
}

/// Tokens owed. A bucket fills no further than its burst while nobody asks, so what is owed beyond
/// that is paid by time: the bucket is asked for the rest from `not_before` on.
#[derive(Clone, Copy, Debug)]
struct Debt<I> {
    tokens: u64,
    not_before: Option<I>,
}

impl<C: Clock> std::fmt::Debug for TenantRates<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TenantRates").field("requests", &self.requests.0).field("tokens", &self.tokens.0).finish()
    }
}

impl<C: Clock + Clone> Rates<C> {
    /// Empty debts and full buckets, by this clock.
    #[cfg(test)]
    fn by(clock: C) -> Self {
        Self { clock, tenants: Mutex::default() }
    }

    /// Lets one more call of a tenant begin.
    ///
    /// # Errors
    /// [`RateLimited`]; nothing is taken from the buckets then.
    pub fn begin(&self, tenant: &TenantId, limits: &TenantLimits) -> Result<(), RateLimited> {
        let rates = self.of(tenant, limits);
        rates.pay(&self.clock)?;
        let (bucket, limiter) = &rates.requests;
        limiter.check().map_err(|until| RateLimited {
            what: "requests",
            per_minute: bucket.per_minute.get(),
            retry_after: until.wait_time_from(self.clock.now()),
        })
    }

    /// Where a tenant's sandboxes count what they compute.
    pub fn computed_by(&self, tenant: &TenantId, limits: &TenantLimits) -> Arc<AtomicU64> {
        self.of(tenant, limits).computed.clone()
    }

    /// Forgets a tenant that is no more.
    pub fn forget(&self, tenant: &TenantId) {
        self.tenants.lock().unwrap_or_else(PoisonError::into_inner).remove(tenant);
    }

    /// The tenant's buckets, made anew if its limits have changed; a debt stays.
    fn of(&self, tenant: &TenantId, limits: &TenantLimits) -> Arc<TenantRates<C>> {
        let requests = Bucket::new(limits.requests_per_minute, limits.requests_burst);
        let tokens = Bucket::new(limits.tokens_per_minute, limits.tokens_burst);
        // The map is whole at any moment, so a panic elsewhere harms nothing.
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        let known = tenants.get(tenant);
        if let Some(rates) = known
            && (rates.requests.0, rates.tokens.0) == (requests, tokens)
        {
            return rates.clone();
        }
        let limiter = |bucket: Bucket| (bucket, Limiter::direct_with_clock(bucket.quota(), self.clock.clone()));
        let rates = Arc::new(TenantRates {
            requests: limiter(requests),
            tokens: limiter(tokens),
            computed: known.map(|rates| rates.computed.clone()).unwrap_or_default(),
            debt: Mutex::new(known.map_or(Debt { tokens: 0, not_before: None }, |rates| rates.debt())),
        });
        tenants.insert(tenant.clone(), rates.clone());
        rates
    }
}

impl<C: Clock> TenantRates<C> {
    fn debt(&self) -> Debt<C::Instant> {
        *self.debt.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Pays for what was computed as far as the bucket goes, in portions that it can hold.
    fn pay(&self, clock: &C) -> Result<(), RateLimited> {
        let (bucket, limiter) = &self.tokens;
        let burst = u64::from(bucket.burst.get());
        let mut debt = self.debt.lock().unwrap_or_else(PoisonError::into_inner);
        debt.tokens = debt.tokens.saturating_add(self.computed.swap(0, Ordering::Relaxed));
        let now = clock.now();
        while debt.tokens > 0 {
            if let Some(not_before) = debt.not_before {
                let not_before = not_before + bucket.time_of(debt.tokens.saturating_sub(burst));
                (debt.tokens, debt.not_before) = (debt.tokens.min(burst), Some(not_before));
                if now < not_before {
                    return Err(bucket.tokens_limited(not_before.duration_since(now).into()));
                }
                debt.not_before = None;
            }
            let portion = u32::try_from(debt.tokens.min(burst)).unwrap_or(u32::MAX);
            let portion = NonZeroU32::new(portion).unwrap_or(NonZeroU32::MIN);
            // A portion is never more than the bucket holds, so the outer error does not occur.
            let until: Option<NotUntil<C::Instant>> = limiter.check_n(portion).ok().and_then(Result::err);
            match until {
                None => debt.tokens -= u64::from(portion.get()),
                Some(until) if debt.tokens > burst => debt.not_before = Some(until.earliest_possible()),
                Some(until) => return Err(bucket.tokens_limited(until.wait_time_from(now))),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use governor::clock::FakeRelativeClock;

    fn limits(requests: (u32, u32), tokens: (u32, u32)) -> TenantLimits {
        TenantLimits {
            requests_per_minute: requests.0,
            requests_burst: requests.1,
            tokens_per_minute: tokens.0,
            tokens_burst: tokens.1,
            ..TenantLimits::default()
        }
    }

    fn retry_ms(outcome: Result<(), RateLimited>) -> Option<(&'static str, u128)> {
        outcome.err().map(|limited| (limited.what, limited.retry_after.as_millis()))
    }

    #[test]
    fn a_burst_passes_and_then_one_for_each_interval() {
        let (clock, limits) = (FakeRelativeClock::default(), limits((60, 3), (1_000, 1_000)));
        let (rates, tenant) = (Rates::by(clock.clone()), TenantId::from("t"));
        for _ in 0..3 {
            assert_eq!(rates.begin(&tenant, &limits), Ok(()));
        }
        assert_eq!(retry_ms(rates.begin(&tenant, &limits)), Some(("requests", 1000)));
        clock.advance(Duration::from_millis(400));
        assert_eq!(retry_ms(rates.begin(&tenant, &limits)), Some(("requests", 600)));
        assert_eq!(rates.begin(&TenantId::from("other"), &limits), Ok(()), "another tenant does not notice");
        clock.advance(Duration::from_millis(600));
        assert_eq!(rates.begin(&tenant, &limits), Ok(()));
        assert!(rates.begin(&tenant, &limits).is_err());
    }

    #[test]
    fn tokens_are_paid_when_they_were_computed_and_the_rate_holds_over_time() {
        // 600 a minute: 10 a second.
        let (clock, limits) = (FakeRelativeClock::default(), limits((1_000_000, 1_000_000), (600, 50)));
        let (rates, tenant) = (Rates::by(clock.clone()), TenantId::from("t"));
        let computed = rates.computed_by(&tenant, &limits);
        assert_eq!(rates.begin(&tenant, &limits), Ok(()));
        computed.fetch_add(40, Ordering::Relaxed);
        assert_eq!(rates.begin(&tenant, &limits), Ok(()), "the bucket pays");
        // More than it holds: all of it must be paid before the next one.
        computed.fetch_add(120, Ordering::Relaxed);
        let Some(("tokens", ms)) = retry_ms(rates.begin(&tenant, &limits)) else { panic!("it owes") };
        assert_eq!(ms, 11_000, "120 tokens less the 10 that were left, 10 a second");
        clock.advance(Duration::from_millis(ms as u64 - 1));
        assert!(rates.begin(&tenant, &limits).is_err());
        clock.advance(Duration::from_millis(1));
        assert_eq!(rates.begin(&tenant, &limits), Ok(()));
        computed.fetch_add(1, Ordering::Relaxed);
        assert_eq!(retry_ms(rates.begin(&tenant, &limits)), Some(("tokens", 100)));
    }

    #[test]
    fn new_limits_count_at_once_and_a_debt_stays() {
        let clock = FakeRelativeClock::default();
        let (rates, tenant) = (Rates::by(clock.clone()), TenantId::from("t"));
        let (narrow, wide) = (limits((60, 1), (60, 10)), limits((60, 5), (60, 20)));
        rates.computed_by(&tenant, &narrow).fetch_add(45, Ordering::Relaxed);
        assert!(rates.begin(&tenant, &narrow).is_err());
        assert!(rates.begin(&tenant, &wide).is_err(), "a new bucket does not forgive the debt");
        clock.advance(Duration::from_secs(60));
        (0..5).for_each(|_| assert_eq!(rates.begin(&tenant, &wide), Ok(())));
        assert!(rates.begin(&tenant, &wide).is_err());
        rates.forget(&tenant);
        assert_eq!(rates.begin(&tenant, &narrow), Ok(()));
    }
}
