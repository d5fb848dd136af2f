//! Choosing among logits: the largest one, or the `k` largest, without a softmax of them all.

use std::cmp::Ordering;

/// Values looked at together: most such runs hold nothing above the threshold.
const RUN: usize = 64;

/// The index of the largest value, the lowest such index on ties; `None` if there is no value that
/// is a number.
pub fn argmax(x: &[f32]) -> Option<u32> {
    // As many chains as a run, so that the comparisons need not wait for each other.
    let mut chains = [f32::NEG_INFINITY; RUN];
    let larger = |max: f32, x: f32| if x > max { x } else { max };
    for run in x.chunks(RUN) {
        for (chain, &x) in chains.iter_mut().zip(run) {
            *chain = larger(*chain, x);
        }
    }
    let max = chains.into_iter().fold(f32::NEG_INFINITY, larger);
    let run = x.chunks(RUN).position(|run| run.iter().fold(false, |any, &x| any | (x == max)))?;
    let index = run * RUN + x[run * RUN..].iter().position(|&x| x == max)?;
    u32::try_from(index).ok()
}

/// The `k` largest values with their indices, largest first, lower indices first on ties; fewer if
/// there are fewer numbers. NaN is never chosen. `out` is replaced; reuse it to allocate nothing.
pub fn top_k(x: &[f32], k: usize, out: &mut Vec<(u32, f32)>) {
    out.clear();
    let k = k.min(x.len());
    if k == 0 {
        return;
    }
    // `out` gathers up to 2k candidates, of which the best k are kept; from then on, only values
    // above the k-th are candidates. Equal values come later in `x`, so they lose to it.
    let capacity = k.saturating_mul(2).max(RUN);
    out.reserve(capacity);
    let mut threshold = None;
    let mut take = |x: f32, index: usize, threshold: &mut Option<f32>| {
        let above = match *threshold {
            Some(threshold) => x > threshold,
            None => !x.is_nan(),
        };
        if above {
            out.push((index as u32, x));
            if out.len() == capacity {
                out.select_nth_unstable_by(k - 1, better);
                out.truncate(k);
                *threshold = Some(out[k - 1].1);
            }
        }
    };
    for (run, values) in x.chunks(RUN).enumerate() {
        if let Some(threshold) = threshold
            && !values.iter().fold(false, |any, &x| any | (x > threshold))
        {
            continue;
        }
        for (i, &value) in values.iter().enumerate() {
            take(value, run * RUN + i, &mut threshold);
        }
    }
    out.sort_unstable_by(better);
    out.truncate(k);
}

/// Larger values first, then lower indices. Neither is NaN.
fn better(a: &(u32, f32), b: &(u32, f32)) -> Ordering {
    b.1.partial_cmp(&a.1).unwrap_or(Ordering::Equal).then(a.0.cmp(&b.0))
}
