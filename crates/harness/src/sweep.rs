//! A link cut at every byte of a whole story, in both directions.

use crate::campaign::Campaign;
use crate::http::Connection;
use crate::lanes::Lanes;
use crate::links::{Link, Linked};
use crate::patient::{Acknowledged, Chapter, Patient, all_is_settled_once};
use crate::proxy::{Direction, Fault, Manner};
use crate::seed::Seeded;
use std::fmt::{self, Display, Formatter};

/// Stories that are told without a fault, to see how many bytes there are.
const UNDISTURBED: i64 = 8;
/// Those of them after which a server that has just started is like one that has run for long.
const WARM_UP: i64 = 4;
/// Stories on one database: then it is looked at, and the next one is made.
const BATCH: usize = 200;
/// The reconciler stays out of it: it would settle what somebody else has to.
const ALONE: (&str, &str) = ("SEKALI_RECONCILE_INTERVAL", "3600");

/// How a story finds the link, and how often it is struck.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// With the connections that are open; one fault a story.
    Warm,
    /// With none: the handshakes belong to the story; one fault.
    Cold,
    /// With none at the beginning of each of these chapters, which has a fault of its own. So all bytes of a long story
    /// are cut at in as many stories as the longest of them has bytes.
    ColdChapters(&'static [Chapter]),
}

impl Start {
    /// Which stretch of bytes, counted by themselves and with a fault of their own, a chapter belongs to.
    fn stretch_of(self, chapter: Chapter) -> Option<usize> {
        match self {
            Self::Warm | Self::Cold => Some(0),
            Self::ColdChapters(chapters) => chapters.iter().position(|other| *other == chapter),
        }
    }

    fn stretches(self) -> usize {
        if let Self::ColdChapters(chapters) = self { chapters.len() } else { 1 }
    }

    /// A few connections to the database are soon all warm, so that one story is like the other; where each begins
    /// with none, a single one sees to that.
    fn tuning(self) -> [(&'static str, &'static str); 2] {
        [ALONE, ("SEKALI_DATABASE_POOL", if self.stretches() > 1 { "1" } else { "4" })]
    }
}

/// The bytes of a stretch of the story over one link.
#[derive(Clone, Copy, Debug, Default)]
struct Stretch {
    to_server: u64,
    to_client: u64,
}

impl Stretch {
    fn or_longer(self, other: Self) -> Self {
        let to_server = self.to_server.max(other.to_server);
        Self { to_server, to_client: self.to_client.max(other.to_client) }
    }

    fn bytes(self) -> u64 {
        self.to_server + self.to_client
    }

    fn fault(self, byte: u64, manner: Manner) -> Fault {
        match byte.checked_sub(self.to_server) {
            None => Fault { direction: Direction::ToServer, after: byte, manner },
            Some(after) => Fault { direction: Direction::ToClient, after, manner },
        }
    }

    /// So many faults, evenly spread, the first where the seed says; or one at each byte. Runs with the seeds 0,
    /// 1, 2 … go on where the ones before have left gaps.
    fn faults(self, count: u64, seed: u64, manner: Manner) -> Vec<Fault> {
        let step = self.bytes().div_ceil(count.max(1)).max(1);
        let bytes = (seed % step..self.bytes()).step_by(usize::try_from(step).expect("a step"));
        bytes.map(|byte| self.fault(byte, manner)).collect()
    }
}

/// The bytes of a story over one link: of the whole, or of each of its chapters.
#[derive(Clone, Debug)]
pub struct Length(Vec<Stretch>);

impl Display for Length {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let stretches = self.0.iter().map(|part| format!("{} + {}", part.to_server, part.to_client));
        write!(f, "bytes to the server and back: {}", stretches.collect::<Vec<_>>().join(", "))
    }
}

/// The faults of one story, for the stretches whose bytes are counted.
type Faults = Vec<Option<Fault>>;

impl Length {
    /// To the server and back.
    pub fn ways(&self) -> (u64, u64) {
        (self.0.iter().map(|part| part.to_server).sum(), self.0.iter().map(|part| part.to_client).sum())
    }

    /// The stories that so many faults need, evenly spread over each stretch. Which of different stretches meet in one
    /// story, the seed says: neighbours go to different batches, each of them a picture of the whole.
    pub fn stories(&self, count: u64, seed: u64, manner: Manner) -> Vec<Faults> {
        let (each, mut random) = (count.div_ceil(self.0.len() as u64), Seeded::new(seed));
        let mut columns: Vec<Faults> = self
            .0
            .iter()
            .map(|stretch| stretch.faults(each, seed, manner).into_iter().map(Some).collect())
            .collect();
        let stories = columns.iter().map(Vec::len).max().unwrap_or(0);
        for column in &mut columns {
            column.resize(stories, None);
            shuffle(column, &mut random);
        }
        (0..stories).map(|story| columns.iter().map(|column| column[story]).collect()).collect()
    }
}

fn shuffle(faults: &mut [Option<Fault>], random: &mut Seeded) {
    for at in (1..faults.len()).rev() {
        let other = usize::try_from(random.below(at as u64 + 1)).expect("an index");
        faults.swap(at, other);
    }
}

/// What a sweep has counted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counted {
    /// Stories that were told.
    pub stories: u64,
    /// Faults that were set.
    pub faults: u64,
    /// Those that struck a connection.
    pub struck: u64,
    /// Requests that had to be sent again.
    pub again: u64,
}

impl Counted {
    /// Both together.
    pub fn add(&mut self, more: Self) {
        self.stories += more.stories;
        self.faults += more.faults;
        self.struck += more.struck;
        self.again += more.again;
    }
}

/// The link in the course of a story.
struct Course<'l> {
    linked: &'l Linked,
    start: Start,
    /// The stretch that has begun, and whether with a fault.
    stretch: Option<(usize, bool)>,
}

impl Course<'_> {
    /// A chapter begins, and with it a stretch or not: what was carried in the one that has ended is handed to `ended`.
    async fn begins(
        &mut self,
        chapter: Chapter,
        connection: &mut Connection,
        fault: impl FnOnce(usize) -> Option<Fault>,
        ended: impl FnOnce(usize, Ended),
    ) {
        let next = self.start.stretch_of(chapter);
        if next == self.stretch.map(|(stretch, _)| stretch) {
            return;
        }
        self.ends(ended);
        let fault = next.and_then(fault);
        self.stretch = next.map(|stretch| (stretch, fault.is_some()));
        self.linked.proxy.set(fault);
        if next.is_some() && self.start != Start::Warm {
            self.linked.begin_anew(connection).await;
        }
    }

    fn ends(&mut self, ended: impl FnOnce(usize, Ended)) {
        let proxy = &self.linked.proxy;
        if let Some((stretch, faulty)) = self.stretch.take() {
            let (to_server, to_client) = proxy.carried();
            let struck = faulty && proxy.has_struck();
            ended(stretch, Ended { carried: Stretch { to_server, to_client }, struck });
        }
    }
}

/// What a stretch has come to.
struct Ended {
    carried: Stretch,
    struck: bool,
}

/// Tells some stories without a fault and measures the longest of each stretch.
pub async fn measure(link: Link, start: Start) -> Length {
    let linked = Linked::set(link, UNDISTURBED, &start.tuning()).await;
    let mut patient = Patient::on(&linked.stage, &linked.mailbox);
    let mut longest = vec![Stretch::default(); start.stretches()];
    for consultation in 1..=UNDISTURBED {
        let mut ended = |stretch: usize, Ended { carried, .. }| {
            if consultation > WARM_UP {
                longest[stretch] = longest[stretch].or_longer(carried);
            }
        };
        let mut course = Course { linked: &linked, start, stretch: None };
        let begins = async |chapter, connection: &mut Connection| {
            course.begins(chapter, connection, |_| None, &mut ended).await;
        };
        patient.lives(consultation, begins).await;
        course.ends(&mut ended);
    }
    Length(longest)
}

/// Tells the stories, so many at a time, each lane with a service and a database of its own.
pub async fn play(
    campaign: &mut Campaign,
    (link, start): (Link, Start),
    stories: &[Faults],
    lanes: usize,
) -> Counted {
    let batch = stories.len().div_ceil(lanes).clamp(1, BATCH);
    let batches: Vec<Vec<Faults>> = stories.chunks(batch).map(<[Faults]>::to_vec).collect();
    let mut players =
        Lanes::work(lanes, batches, &async move |batch: Vec<Faults>| play_batch(link, start, &batch).await);
    let mut counted = Counted::default();
    while let Some(more) = players.next().await {
        counted.add(more);
        campaign.progress(counted.faults);
    }
    counted
}

async fn play_batch(link: Link, start: Start, batch: &[Faults]) -> Counted {
    let last = i64::try_from(batch.len()).expect("a small number");
    let mut linked = Linked::set(link, last, &start.tuning()).await;
    let mut patient = Patient::on(&linked.stage, &linked.mailbox);
    let (mut counted, mut acknowledged): (_, Vec<Acknowledged>) = (Counted::default(), Vec::new());
    for (consultation, faults) in (1..).zip(batch) {
        let mut ended = |_, Ended { struck, .. }| counted.struck += u64::from(struck);
        let mut course = Course { linked: &linked, start, stretch: None };
        let begins = async |chapter, connection: &mut Connection| {
            course.begins(chapter, connection, |stretch| faults[stretch], &mut ended).await;
        };
        acknowledged.push(patient.lives(consultation, begins).await);
        course.ends(&mut ended);
        counted.faults += faults.iter().flatten().count() as u64;
        counted.stories += 1;
    }
    counted.again = patient.again;
    linked.proxy.set(None);
    // A link that fell silent ends: as long as this process holds it, the other end cannot know that nobody is there.
    linked.proxy.sever();
    all_is_settled_once(&mut linked.stage, &acknowledged, &format!("{link:?} {batch:?}")).await;
    counted
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Stretch = Stretch { to_server: 7, to_client: 4 };
    const LONG: Stretch = Stretch { to_server: 20, to_client: 30 };

    fn sorted(mut faults: Vec<Fault>) -> Vec<Fault> {
        faults.sort_by_key(|fault| (fault.direction == Direction::ToClient, fault.after));
        faults
    }

    #[test]
    fn runs_with_other_seeds_fill_the_gaps() {
        let all = sorted((0..4).flat_map(|seed| SHORT.faults(3, seed, Manner::Close)).collect());
        assert_eq!(all, SHORT.faults(1_000, 0, Manner::Close));
        assert_eq!(all.len(), 11);
        assert_eq!(all[7], Fault { direction: Direction::ToClient, after: 0, manner: Manner::Close });
    }

    #[test]
    fn each_byte_of_each_chapter_is_cut_at_once_in_as_many_stories_as_the_longest_has_bytes() {
        let stories = Length(vec![LONG, SHORT]).stories(1_000, 5, Manner::Close);
        assert_eq!(stories.len(), 50);
        for (column, stretch) in [(0, LONG), (1, SHORT)] {
            let cut = stories.iter().filter_map(|story| story[column]).collect();
            assert_eq!(sorted(cut), stretch.faults(1_000, 0, Manner::Close));
        }
        let few = Length(vec![LONG, SHORT]).stories(10, 5, Manner::Close);
        assert_eq!(few.iter().flatten().flatten().count(), 5 + 3, "{few:?}");
    }
}
