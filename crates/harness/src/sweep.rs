//! A link cut at every byte of a whole story, in both directions.

use crate::campaign::Campaign;
use crate::lanes::Lanes;
use crate::links::{Link, Linked};
use crate::patient::{Acknowledged, Patient, all_is_settled_once};
use crate::proxy::{Direction, Fault, Manner};
use crate::seed::Seeded;

/// Stories that are told without a fault, to see how many bytes there are.
const UNDISTURBED: i64 = 8;
/// Those of them after which a server that has just started is like one that has run for long.
const WARM_UP: i64 = 4;
/// Stories on one database: then it is looked at, and the next one is made.
const BATCH: usize = 200;
/// The reconciler stays out of it: it would settle what somebody else has to. A few connections to the database
/// are soon all warm, so that one story is like the other.
const TUNING: [(&str, &str); 2] = [("SEKALI_RECONCILE_INTERVAL", "3600"), ("SEKALI_DATABASE_POOL", "4")];

/// The bytes of a story over one link.
#[derive(Clone, Copy, Debug, Default)]
pub struct Length {
    /// To the server.
    pub to_server: u64,
    /// Back.
    pub to_client: u64,
}

impl Length {
    /// Both ways together: so many bytes there are to cut at.
    pub fn bytes(self) -> u64 {
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
    pub fn faults(self, count: u64, seed: u64, manner: Manner) -> Vec<Fault> {
        let step = self.bytes().div_ceil(count.max(1)).max(1);
        let bytes = (seed % step..self.bytes()).step_by(usize::try_from(step).expect("a step"));
        bytes.map(|byte| self.fault(byte, manner)).collect()
    }
}

/// What a sweep has counted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counted {
    /// Stories that were told.
    pub stories: u64,
    /// Those in which the connection was cut.
    pub struck: u64,
    /// Requests that had to be sent again.
    pub again: u64,
}

/// How a story finds the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// With the connections that are open.
    Warm,
    /// With none: the handshakes belong to the story.
    Cold,
}

impl Start {
    async fn of(self, linked: &Linked, patient: &mut Patient<'_>) {
        if self == Self::Cold {
            linked.begin_anew(&mut patient.connection).await;
        }
    }
}

/// Tells some stories without a fault and measures the longest.
pub async fn measure(link: Link, start: Start) -> Length {
    let linked = Linked::set(link, UNDISTURBED, &TUNING).await;
    let mut patient = Patient::on(&linked.stage, &linked.mailbox);
    let mut length = Length::default();
    for consultation in 1..=UNDISTURBED {
        linked.proxy.set(None);
        start.of(&linked, &mut patient).await;
        patient.lives(consultation).await;
        let (to_server, to_client) = linked.proxy.carried();
        if consultation > WARM_UP {
            length.to_server = length.to_server.max(to_server);
            length.to_client = length.to_client.max(to_client);
        }
    }
    length
}

/// Tells one story for each fault, so many at a time, each lane with a service and a database of its own.
pub async fn play(
    campaign: &mut Campaign,
    (link, start): (Link, Start),
    faults: &[Fault],
    lanes: usize,
) -> Counted {
    let mut faults = faults.to_vec();
    shuffle(&mut faults, campaign.seed());
    let batch = faults.len().div_ceil(lanes).clamp(1, BATCH);
    let batches: Vec<Vec<Fault>> = faults.chunks(batch).map(<[Fault]>::to_vec).collect();
    let mut players =
        Lanes::work(lanes, batches, &async move |batch: Vec<Fault>| play_batch(link, start, &batch).await);
    let mut counted = Counted::default();
    while let Some(more) = players.next().await {
        counted.stories += more.stories;
        counted.struck += more.struck;
        counted.again += more.again;
        campaign.progress(counted.stories);
    }
    counted
}

/// Neighbours go to different batches: one batch is a picture of the whole.
fn shuffle(faults: &mut [Fault], seed: u64) {
    let mut random = Seeded::new(seed);
    for at in (1..faults.len()).rev() {
        let other = usize::try_from(random.below(at as u64 + 1)).expect("an index");
        faults.swap(at, other);
    }
}

async fn play_batch(link: Link, start: Start, faults: &[Fault]) -> Counted {
    let last = i64::try_from(faults.len()).expect("a small number");
    let mut linked = Linked::set(link, last, &TUNING).await;
    let mut patient = Patient::on(&linked.stage, &linked.mailbox);
    let (mut counted, mut acknowledged): (_, Vec<Acknowledged>) = (Counted::default(), Vec::new());
    for (consultation, fault) in (1..).zip(faults) {
        linked.proxy.set(Some(*fault));
        start.of(&linked, &mut patient).await;
        acknowledged.push(patient.lives(consultation).await);
        counted.struck += u64::from(linked.proxy.has_struck());
        counted.stories += 1;
    }
    counted.again = patient.again;
    linked.proxy.set(None);
    // A link that fell silent ends: as long as this process holds it, the other end cannot know that nobody is there.
    linked.proxy.sever();
    all_is_settled_once(&mut linked.stage, &acknowledged, &format!("{link:?} {faults:?}")).await;
    counted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_with_other_seeds_fill_the_gaps() {
        let length = Length { to_server: 7, to_client: 4 };
        let mut all: Vec<Fault> = (0..4).flat_map(|seed| length.faults(3, seed, Manner::Close)).collect();
        all.sort_by_key(|fault| (fault.direction == Direction::ToClient, fault.after));
        assert_eq!(all, length.faults(1_000, 0, Manner::Close));
        assert_eq!(all.len(), 11);
        assert_eq!(all[7], Fault { direction: Direction::ToClient, after: 0, manner: Manner::Close });
    }
}
