//! Durations in, quantiles out, in a few kilobytes however many there are. A quantile is off by less than 1 %, upwards.

use std::time::Duration;

/// Each power of two is cut into this many buckets.
const STEPS: usize = 128;
const BUCKETS: usize = STEPS * 58;

pub struct Histogram {
    buckets: Vec<u64>,
    count: u64,
    max: u64,
}

impl Histogram {
    pub fn new() -> Self {
        Self { buckets: vec![0; BUCKETS], count: 0, max: 0 }
    }

    pub fn record(&mut self, duration: Duration) {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.buckets[bucket(nanos)] += 1;
        self.count += 1;
        self.max = self.max.max(nanos);
    }

    pub fn max(&self) -> Duration {
        Duration::from_nanos(self.max)
    }

    /// The least duration that `share` (0 to 1) of all are not above; zero when nothing was recorded.
    pub fn quantile(&self, share: f64) -> Duration {
        let wanted = (share * self.count as f64).ceil() as u64;
        let mut seen = 0;
        for (index, count) in self.buckets.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return Duration::from_nanos(upper_end(index).min(self.max));
            }
        }
        self.max()
    }
}

fn bucket(nanos: u64) -> usize {
    let shift = (u64::BITS - nanos.leading_zeros()).saturating_sub(STEPS.ilog2() + 1);
    STEPS * shift as usize + (nanos >> shift) as usize
}

fn upper_end(bucket: usize) -> u64 {
    let shift = (bucket / STEPS).saturating_sub(1);
    let step = (bucket - STEPS * shift) as u64;
    (step << shift) | ((1 << shift) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_duration_lies_in_a_bucket_that_ends_less_than_one_percent_above_it() {
        for nanos in [0, 1, 127, 128, 255, 256, 257, 999, 80_000, 4_999_999, 30_000_000_000, u64::MAX] {
            let end = upper_end(bucket(nanos));
            assert!(end >= nanos && end - nanos <= nanos / 100, "{nanos} in a bucket that ends at {end}");
        }
    }

    #[test]
    fn quantiles_of_a_thousand_even_steps_are_those_steps() {
        let mut histogram = Histogram::new();
        (1..=1000).for_each(|millis| histogram.record(Duration::from_millis(millis)));
        for (share, millis) in [(0.5, 500.0), (0.99, 990.0), (0.999, 999.0), (1.0, 1000.0)] {
            let found = histogram.quantile(share).as_secs_f64() * 1000.0;
            assert!(found >= millis && found < millis * 1.01, "{share}: {found}");
        }
        assert_eq!(histogram.max(), Duration::from_secs(1));
    }

    #[test]
    fn nothing_recorded_has_quantiles_of_zero() {
        assert_eq!(Histogram::new().quantile(0.99), Duration::ZERO);
    }
}
