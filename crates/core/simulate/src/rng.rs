//! Randomness from a seed: each actor has a stream of its own, so that leaving one out changes nothing of what
//! the others draw.

/// A stream of numbers (SplitMix64).
#[derive(Clone, Debug)]
pub(crate) struct Rng(u64);

const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// Spreads the bits of a number over all of it.
fn spread(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// One number made of several.
pub(crate) fn mix(parts: &[u64]) -> u64 {
    parts.iter().fold(STEP, |sum, part| spread(sum.wrapping_add(STEP) ^ part.wrapping_mul(STEP)))
}

impl Rng {
    /// The stream that begins with `seed`.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        spread(self.0)
    }

    /// Something below `limit`, which is at least 1.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }

    /// Yes, in so many of a million cases.
    pub(crate) fn chance(&mut self, in_a_million: u32) -> bool {
        self.below(1_000_000) < u64::from(in_a_million)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_the_same_again_and_differs_from_its_neighbour() {
        let draw =
            |seed| (0..8).scan(Rng::new(mix(&[seed, 1])), |rng, _| Some(rng.next())).collect::<Vec<_>>();
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
        assert_ne!(mix(&[1, 2]), mix(&[2, 1]));
    }
}
