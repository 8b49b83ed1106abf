//! A map whose entries end.

use std::borrow::Borrow;
use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::time::Duration;

/// How many ended entries one write clears away. More than the one it adds, so that the map shrinks
/// again after a rush; few, so that no request pays for all of them.
const SWEPT_PER_WRITE: usize = 8;

/// Entries that all live equally long. As the deadlines then come in the order of the writes, the
/// oldest entry is always at the queue's front: ended entries are found, and the fullest map is
/// trimmed, without a search.
pub(crate) struct Expiring<K, V> {
    ttl: Duration,
    most: usize,
    entries: HashMap<K, Entry<V>>,
    /// A record for each write: when it ends, which write it was, and of which key.
    queue: VecDeque<(Duration, u64, K)>,
    writes: u64,
}

struct Entry<V> {
    ends: Duration,
    /// The write that made it: an older record of the same key says nothing about it.
    write: u64,
    value: V,
}

impl<K: Clone + Eq + Hash, V> Expiring<K, V> {
    /// Entries live for `ttl`; of more than `most` writes within it the oldest are forgotten.
    pub(crate) fn new(ttl: Duration, most: usize) -> Self {
        Self { ttl, most, entries: HashMap::new(), queue: VecDeque::new(), writes: 0 }
    }

    /// The entry, unless it has ended, and the moment it ends.
    pub(crate) fn get<Q>(&self, key: &Q, now: Duration) -> Option<(Duration, &V)>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let entry = self.entries.get(key)?;
        (entry.ends > now).then_some((entry.ends, &entry.value))
    }

    /// The entry for changing it; when it ends stays as it is.
    pub(crate) fn get_mut<Q>(&mut self, key: &Q, now: Duration) -> Option<(Duration, &mut V)>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let entry = self.entries.get_mut(key)?;
        (entry.ends > now).then_some((entry.ends, &mut entry.value))
    }

    /// Writes an entry that lives for the whole TTL from now.
    pub(crate) fn put(&mut self, key: K, value: V, now: Duration) {
        let ends = now + self.ttl;
        self.writes += 1;
        self.entries.insert(key.clone(), Entry { ends, write: self.writes, value });
        self.queue.push_back((ends, self.writes, key));
        for _ in 0..SWEPT_PER_WRITE {
            let full = self.queue.len() > self.most;
            if !self.queue.front().is_some_and(|(ends, ..)| full || *ends <= now) {
                break;
            }
            self.forget_oldest();
        }
    }

    /// Takes an entry away.
    pub(crate) fn remove(&mut self, key: &K) {
        self.entries.remove(key);
    }

    fn forget_oldest(&mut self) {
        if let Some((_, write, key)) = self.queue.pop_front()
            && self.entries.get(&key).is_some_and(|entry| entry.write == write)
        {
            self.entries.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TTL: Duration = Duration::from_secs(10);

    fn second(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn an_entry_ends_and_its_memory_comes_back() {
        let mut map = Expiring::new(TTL, 1000);
        for n in 0..100 {
            map.put(n, n, second(0));
        }
        assert_eq!(map.get(&5, second(9)), Some((second(10), &5)));
        assert_eq!(map.get(&5, second(10)), None);
        for n in 100..115 {
            map.put(n, n, second(11));
        }
        assert_eq!((map.entries.len(), map.queue.len()), (15, 15));
    }

    #[test]
    fn an_overwritten_entry_outlives_its_first_deadline() {
        let mut map = Expiring::new(TTL, 1000);
        map.put(1, "old", second(0));
        map.put(1, "new", second(8));
        map.put(2, "other", second(12));
        assert_eq!(map.get(&1, second(12)), Some((second(18), &"new")));
        map.remove(&1);
        map.put(1, "again", second(13));
        map.put(3, "other", second(18));
        assert_eq!(map.get(&1, second(20)), Some((second(23), &"again")));
    }

    #[test]
    fn the_oldest_go_when_there_are_too_many() {
        let mut map = Expiring::new(TTL, 3);
        for n in 0..5 {
            map.put(n, n, second(0));
        }
        let kept: Vec<_> = (0..5).filter(|n| map.get(n, second(1)).is_some()).collect();
        assert_eq!(kept, [2, 3, 4]);
        for _ in 0..50 {
            map.put(4, 4, second(0));
        }
        assert!(map.queue.len() <= 3, "writing one key over and over does not pile up records");
        assert!(map.get(&4, second(1)).is_some());
    }
}
