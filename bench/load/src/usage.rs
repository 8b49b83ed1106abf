//! Processor time and memory of whole process trees, as Linux counts them.

use std::collections::HashMap;

/// What `/proc` counts in (`USER_HZ`): a hundred a second on every Linux there is.
const TICKS: f64 = 100.0;

struct Stat {
    parent: u32,
    own: u64,
    /// Of children that have ended and were waited for.
    gone: u64,
}

/// Seconds of processor time of a process, of all that descend from it, and of those of them that have ended.
pub(crate) fn seconds(root: u32) -> f64 {
    let all = processes();
    let ticks: u64 =
        tree(&all, root).iter().filter_map(|id| all.get(id)).map(|stat| stat.own + stat.gone).sum();
    ticks as f64 / TICKS
}

/// Seconds of processor time of this process alone: of the load, not of what was started for it.
pub(crate) fn own_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").ok().and_then(|text| parse(&text));
    stat.map_or(0.0, |stat| stat.own as f64 / TICKS)
}

/// Seconds of processor time of programs that this process has started and waited for.
pub(crate) fn ended_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").ok().and_then(|text| parse(&text));
    stat.map_or(0.0, |stat| stat.gone as f64 / TICKS)
}

/// The most memory that the process and its descendants have had, in MiB: each at its own peak.
pub(crate) fn peak_memory(root: u32) -> f64 {
    let kib: u64 = tree(&processes(), root).iter().filter_map(|id| kib_of(*id, "VmHWM:")).sum();
    kib as f64 / 1024.0
}

/// The memory that the process has at this moment, in MiB.
pub(crate) fn resident_memory(id: u32) -> f64 {
    kib_of(id, "VmRSS:").map_or(0.0, |kib| kib as f64 / 1024.0)
}

fn processes() -> HashMap<u32, Stat> {
    let names = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = names.filter_map(|name| name.file_name().to_str()?.parse().ok());
    ids.filter_map(|id: u32| {
        let text = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        Some((id, parse(&text)?))
    })
    .collect()
}

/// The program's name stands in parentheses and may hold anything, so what follows is counted from its end.
fn parse(stat: &str) -> Option<Stat> {
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
    Some(Stat {
        parent: fields.get(1)?.parse().ok()?,
        own: number(11)? + number(12)?,
        gone: number(13)? + number(14)?,
    })
}

fn tree(all: &HashMap<u32, Stat>, root: u32) -> Vec<u32> {
    let mut found = vec![root];
    let mut at = 0;
    while let Some(parent) = found.get(at).copied() {
        found.extend(all.iter().filter(|(_, stat)| stat.parent == parent).map(|(id, _)| *id));
        at += 1;
    }
    found
}

fn kib_of(id: u32, name: &str) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_proc_is_read() {
        let line = "42 (a (strange) name) S 7 42 42 0 -1 4194560 1 2 3 4 10 20 300 400 20 0 1 0 5 6 7";
        let stat = parse(line).unwrap();
        assert_eq!((stat.parent, stat.own, stat.gone), (7, 30, 700));
        assert!(parse("42 (cut) S 7").is_none());
    }

    #[test]
    fn descendants_belong_to_the_tree() {
        let stat = |parent| Stat { parent, own: 0, gone: 0 };
        let all = HashMap::from([(1, stat(0)), (2, stat(1)), (3, stat(2)), (4, stat(9))]);
        assert_eq!(tree(&all, 1), [1, 2, 3]);
    }

    #[test]
    fn this_process_uses_memory() {
        let now = resident_memory(std::process::id());
        assert!(now > 0.1 && peak_memory(std::process::id()) >= now);
    }
}
