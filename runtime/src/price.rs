//! What a call costs by its tenant's prices, in integers.

use realm_primitives::{NanoUsd, Prices};

/// Tokens that a price is for.
const PRICE_UNIT_TOKENS: u128 = 1_000;

/// The price of a call. `prompt_tokens` includes the `cached_tokens`. Fractions of a nano-dollar are
/// rounded up, once, over the whole call.
pub(crate) fn price(prices: &Prices, prompt_tokens: u32, cached_tokens: u32, generated_tokens: u32) -> NanoUsd {
    let part = |tokens: u32, nano_usd_per_1k: u64| u128::from(tokens) * u128::from(nano_usd_per_1k);
    let sum = part(prompt_tokens.saturating_sub(cached_tokens), prices.prompt_nano_usd_per_1k)
        .saturating_add(part(cached_tokens, prices.cached_nano_usd_per_1k))
        .saturating_add(part(generated_tokens, prices.generated_nano_usd_per_1k));
    NanoUsd(u64::try_from(sum.div_ceil(PRICE_UNIT_TOKENS)).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_exact_and_rounded_up_once() {
        let prices = Prices { prompt_nano_usd_per_1k: 1_500, cached_nano_usd_per_1k: 100, generated_nano_usd_per_1k: 3_000 };
        let check = |prompt, cached, generated, expected| assert_eq!(price(&prices, prompt, cached, generated).0, expected);
        check(0, 0, 0, 0);
        check(1_000, 0, 1_000, 4_500);
        check(1_000, 400, 0, 940);
        check(1, 0, 0, 2);
        check(1, 0, 1, 5);
        let dear = Prices { prompt_nano_usd_per_1k: u64::MAX, ..prices };
        assert_eq!(price(&dear, u32::MAX, 0, 0).0, u64::MAX);
    }
}
