//! When a stream's tokens came, and what follows from it.

use std::time::{Duration, Instant};

/// One stream.
#[derive(Clone, Debug)]
pub struct Timeline {
    pub began: Instant,
    /// Tokens of the prompt, and how many of them the cache held.
    pub prompt_tokens: u32,
    pub cached_tokens: u32,
    /// When text arrived, and how many tokens there were by then: a token that ends inside a character brings none.
    pub arrivals: Vec<(Instant, u32)>,
    /// Milliseconds from sampling to arrival, where that is known.
    pub delays_ms: Vec<f64>,
}

impl Timeline {
    /// From the request to the first token.
    pub fn first(&self) -> Option<Duration> {
        self.arrivals.first().map(|(at, _)| at.duration_since(self.began))
    }

    /// Milliseconds between arrivals, per token.
    pub fn gaps_ms(&self) -> impl Iterator<Item = f64> + '_ {
        self.arrivals.windows(2).map(|pair| {
            let tokens = pair[1].1.saturating_sub(pair[0].1).max(1);
            pair[1].0.duration_since(pair[0].0).as_secs_f64() * 1e3 / f64::from(tokens)
        })
    }
}

/// Tokens per second of all streams together, while all of them decode: from the last first token to the
/// first last one. `None` if there is no such time, as when a stream brought nothing.
pub fn tokens_per_second(streams: &[Timeline]) -> Option<f64> {
    let ends = |stream: &Timeline| Some((stream.arrivals.first()?.0, stream.arrivals.last()?.0));
    let ends = streams.iter().map(ends).collect::<Option<Vec<_>>>()?;
    let from = ends.iter().map(|(first, _)| *first).max()?;
    let to = ends.iter().map(|(_, last)| *last).min()?;
    let seconds = to.checked_duration_since(from)?.as_secs_f64();
    let count_at = |stream: &Timeline, end: Instant| {
        let until = stream.arrivals.iter().take_while(|(at, _)| *at <= end).last();
        until.map_or(0, |(_, count)| *count)
    };
    let tokens: u32 = streams.iter().map(|stream| count_at(stream, to) - count_at(stream, from)).sum();
    (seconds > 0.0 && tokens > 0).then(|| f64::from(tokens) / seconds)
}

/// The value below which `share` of the values lie.
pub fn quantile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let at = (values.len().saturating_sub(1) as f64 * share).round() as usize;
    values.get(at).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(began: Instant, arrivals: &[(u64, u32)]) -> Timeline {
        let arrivals = arrivals.iter().map(|&(ms, count)| (began + Duration::from_millis(ms), count)).collect();
        Timeline { began, prompt_tokens: 1, cached_tokens: 0, arrivals, delays_ms: Vec::new() }
    }

    #[test]
    fn only_the_time_in_which_all_decode_counts() {
        let zero = Instant::now();
        let early = stream(zero, &[(100, 1), (200, 2), (300, 3), (400, 4)]);
        let late = stream(zero, &[(200, 1), (300, 3), (400, 4), (500, 5)]);
        // From 200 to 400 ms: two tokens of the one, three of the other.
        assert_eq!(tokens_per_second(&[early.clone(), late.clone()]).map(f64::round), Some(25.0));
        assert_eq!(tokens_per_second(&[early.clone(), stream(zero, &[])]), None);
        assert_eq!(late.gaps_ms().map(f64::round).collect::<Vec<_>>(), [50.0, 100.0, 100.0]);
        assert_eq!(early.first(), Some(Duration::from_millis(100)));
    }

    #[test]
    fn quantiles() {
        let mut values = [5.0, 1.0, 4.0, 2.0, 3.0];
        assert_eq!([0.0, 0.5, 0.99].map(|share| quantile(&mut values, share)), [1.0, 3.0, 5.0]);
        assert!(quantile(&mut [], 0.5).is_nan());
    }
}
