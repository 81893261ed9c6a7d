//! How fast items go by, over the last while.

use std::collections::VecDeque;

/// Keeps some earlier counts, to tell a speed that follows changes without jumping.
#[derive(Debug, Clone, Default)]
pub struct Rate {
    seen: VecDeque<(u64, u64)>,
}

/// Samples are at least so far apart, in ms; with [`KEPT`] of them the speed is that of the last 20 s.
const APART: u64 = 500;
const KEPT: usize = 40;

impl Rate {
    /// Notes how many were done at a time.
    pub fn note(&mut self, now_ms: u64, done: u64) {
        if self.seen.len() > 1 && self.seen.iter().nth_back(1).is_some_and(|(at, _)| now_ms < at + APART) {
            self.seen.pop_back();
        }
        self.seen.push_back((now_ms, done));
        if self.seen.len() > KEPT {
            self.seen.pop_front();
        }
    }

    /// Returns how many go by a second; absent before two counts differ.
    pub fn per_second(&self, now_ms: u64) -> Option<f64> {
        let (first, last) = (self.seen.front()?, self.seen.back()?);
        let passed = now_ms.max(last.0).checked_sub(first.0).filter(|ms| *ms > 0)?;
        let done = last.1.checked_sub(first.1).filter(|done| *done > 0)?;
        Some(done as f64 * 1000.0 / passed as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_a_change_of_speed_and_knows_nothing_at_first() {
        let mut rate = Rate::default();
        assert_eq!(rate.per_second(5), None);
        for second in 0..100 {
            rate.note(second * 1000, second * 10);
        }
        assert_eq!(rate.per_second(99_000), Some(10.0));
        for second in 0..60 {
            rate.note(100_000 + second * 1000, 1000 + second * 100);
        }
        assert_eq!(rate.per_second(159_000), Some(100.0));
    }
}
