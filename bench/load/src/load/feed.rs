//! Which press comes next.

use super::Scenario;
use std::collections::VecDeque;
use std::time::Duration;

/// How far back the mix repeats.
const RECENT: Duration = Duration::from_secs(1);
/// One press in so many of the mix is a repetition.
const REPEATED: u64 = 10;

/// Hands out the clicks by their position. The same numbers come every time: chance has a fixed seed.
pub(super) struct Feed {
    scenario: Scenario,
    clicks: usize,
    next: usize,
    recent: VecDeque<(Duration, usize)>,
    chance: u64,
}

impl Feed {
    /// For so many clicks.
    pub(super) fn new(scenario: Scenario, clicks: usize) -> Self {
        Self { scenario, clicks, next: 0, recent: VecDeque::new(), chance: 0x9e37_79b9_7f4a_7c15 }
    }

    /// The next one, and whether it repeats another, `now` after the beginning; `None` when all are used up.
    pub(super) fn next(&mut self, now: Duration) -> Option<(usize, bool)> {
        match self.scenario {
            Scenario::First | Scenario::DoubleClicks => Some((self.fresh()?, false)),
            Scenario::Duplicates => {
                let click = self.next % self.clicks.max(1);
                self.next += 1;
                (self.clicks > 0).then_some((click, true))
            }
            Scenario::Mix => {
                match self.chance().is_multiple_of(REPEATED).then(|| self.repeated(now)).flatten() {
                    Some(click) => Some((click, true)),
                    None => Some((self.fresh()?, false)),
                }
            }
        }
    }

    /// Notes that a first press was answered.
    pub(super) fn answered(&mut self, click: usize, now: Duration) {
        if self.scenario == Scenario::Mix {
            self.recent.push_back((now, click));
        }
    }

    fn fresh(&mut self) -> Option<usize> {
        let click = self.next;
        self.next += 1;
        (click < self.clicks).then_some(click)
    }

    fn repeated(&mut self, now: Duration) -> Option<usize> {
        while self.recent.front().is_some_and(|(at, _)| now.saturating_sub(*at) > RECENT) {
            self.recent.pop_front();
        }
        let recent = u64::try_from(self.recent.len()).ok().filter(|recent| *recent > 0)?;
        let at = usize::try_from(self.chance() % recent).ok()?;
        self.recent.get(at).map(|(_, click)| *click)
    }

    /// xorshift64: good enough to choose by.
    fn chance(&mut self) -> u64 {
        self.chance ^= self.chance << 13;
        self.chance ^= self.chance >> 7;
        self.chance ^= self.chance << 17;
        self.chance
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(5);

    #[test]
    fn first_presses_end_and_duplicates_do_not() {
        let mut first = Feed::new(Scenario::First, 2);
        assert_eq!(
            [first.next(NOW), first.next(NOW), first.next(NOW)],
            [Some((0, false)), Some((1, false)), None]
        );
        let mut duplicates = Feed::new(Scenario::Duplicates, 2);
        let taken = [duplicates.next(NOW), duplicates.next(NOW), duplicates.next(NOW)];
        assert_eq!(taken, [Some((0, true)), Some((1, true)), Some((0, true))]);
    }

    #[test]
    fn the_mix_repeats_a_tenth_and_only_of_the_last_second() {
        let mut mix = Feed::new(Scenario::Mix, 20_000);
        mix.answered(19_999, Duration::from_millis(3999));
        mix.answered(19_998, NOW);
        let taken: Vec<_> = (0..10_000).map_while(|_| mix.next(NOW)).collect();
        let repeated: Vec<usize> =
            taken.iter().filter(|(_, repeated)| *repeated).map(|(click, _)| *click).collect();
        assert!((900..=1100).contains(&repeated.len()), "{}", repeated.len());
        assert!(repeated.iter().all(|click| *click == 19_998), "one that is older was repeated");
    }

    #[test]
    fn the_mix_begins_with_first_presses() {
        let mut mix = Feed::new(Scenario::Mix, 1000);
        assert!((0..1000).all(|at| mix.next(NOW) == Some((at, false))));
    }
}
