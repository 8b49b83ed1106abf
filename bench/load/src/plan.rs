//! Who is measured, at what, and for how long.

use crate::load::Scenario;
use serde::Serialize;
use std::time::Duration;

/// Who is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Contestant {
    /// Sekali on its embedded default.
    SqliteMemory,
    /// Sekali on SQLite and Redis.
    SqliteRedis,
    /// Sekali on PostgreSQL, coordinating in memory.
    PostgresMemory,
    /// Sekali on PostgreSQL and Redis.
    PostgresRedis,
    /// Two servers on one PostgreSQL and one Redis.
    TwoServers,
    /// pgbench, the original's SQL statement by statement.
    Original,
    /// pgbench, all of it as one statement.
    OneStatement,
    /// SQLite without a service around it, a commit a payment.
    SqliteLoop,
    /// axum with a fixed answer.
    BareFixed,
    /// axum that checks the token and reads one key of Redis.
    BareRedis,
    /// Express with a published idempotency middleware.
    Express,
    /// FastAPI with asyncpg.
    Fastapi,
}

use Contestant::{
    BareFixed, BareRedis, Express, Fastapi, OneStatement, Original, PostgresMemory, PostgresRedis,
    SqliteLoop, SqliteMemory, SqliteRedis, TwoServers,
};

impl Contestant {
    /// As the results call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            SqliteMemory => "Sekali, SQLite",
            SqliteRedis => "Sekali, SQLite + Redis",
            PostgresMemory => "Sekali, PostgreSQL",
            PostgresRedis => "Sekali, PostgreSQL + Redis",
            TwoServers => "Sekali, two servers on PostgreSQL + Redis",
            Original => "pgbench, the original's SQL",
            OneStatement => "pgbench, one statement",
            SqliteLoop => "SQLite loop",
            BareFixed => "bare axum, fixed answer",
            BareRedis => "bare axum, JWT + Redis GET",
            Express => "Express, express-idempotency",
            Fastapi => "FastAPI, asyncpg",
        }
    }

    /// Whether it is Sekali.
    pub(crate) fn is_sekali(self) -> bool {
        matches!(self, SqliteMemory | SqliteRedis | PostgresMemory | PostgresRedis | TwoServers)
    }
}

/// One contestant under one load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub(crate) struct Cell {
    /// What is pressed.
    pub(crate) scenario: Scenario,
    /// On how many connections.
    pub(crate) connections: usize,
    /// Who is pressed.
    pub(crate) contestant: Contestant,
}

impl Cell {
    /// One contestant under one load.
    pub(crate) fn new(contestant: Contestant, scenario: Scenario, connections: usize) -> Self {
        Self { scenario, connections, contestant }
    }
}

/// A run: every round measures each cell once, so that whatever slows the machine slows them all.
pub(crate) struct Plan {
    /// In the order of their rounds.
    pub(crate) cells: Vec<Cell>,
    /// How often each is measured.
    pub(crate) rounds: usize,
    /// How long each time.
    pub(crate) time: Duration,
}

const SEKALI: [Contestant; 5] = [SqliteMemory, SqliteRedis, PostgresMemory, PostgresRedis, TwoServers];
const PEERS: [Contestant; 2] = [Express, Fastapi];
const CONNECTIONS: [usize; 4] = [1, 16, 64, 256];

impl Plan {
    /// What the goals are about, in two minutes.
    pub(crate) fn quick() -> Self {
        use Scenario::{DoubleClicks, Duplicates, First, Mix};
        let cells = [
            (PostgresRedis, First, 64),
            (Original, First, 64),
            (OneStatement, First, 64),
            (Express, First, 64),
            (Fastapi, First, 64),
            (Original, First, 16),
            (SqliteMemory, First, 64),
            (SqliteLoop, First, 1),
            (PostgresRedis, First, 1),
            (OneStatement, First, 1),
            (PostgresRedis, Duplicates, 64),
            (BareRedis, Duplicates, 64),
            (PostgresRedis, Mix, 64),
            (PostgresRedis, DoubleClicks, 64),
        ];
        let cells = cells.map(|(who, scenario, connections)| Cell::new(who, scenario, connections));
        Self { cells: cells.into(), rounds: 3, time: Duration::from_secs(2) }
    }

    /// Everything.
    pub(crate) fn full() -> Self {
        use Scenario::{DoubleClicks, Duplicates, First, Mix};
        let mut cells = Vec::new();
        for scenario in [First, Duplicates, Mix, DoubleClicks] {
            for connections in CONNECTIONS {
                // One connection presses no button twice at once.
                if scenario == DoubleClicks && connections == 1 {
                    continue;
                }
                let baselines: &[Contestant] = match scenario {
                    First if connections == 1 => &[Original, OneStatement, SqliteLoop],
                    First => &[Original, OneStatement],
                    Duplicates => &[BareFixed, BareRedis],
                    Mix | DoubleClicks => &[],
                };
                let all = SEKALI.iter().chain(&PEERS).chain(baselines);
                cells.extend(all.map(|who| Cell::new(*who, scenario, connections)));
            }
        }
        Self { cells, rounds: 3, time: Duration::from_secs(4) }
    }

    /// Only what these words name: part of a contestant's name, of a scenario's, or a number of connections. Each
    /// kind that is named has to fit.
    pub(crate) fn only(mut self, words: &[String]) -> Self {
        let lower: Vec<String> = words.iter().map(|word| word.to_lowercase()).collect();
        let (numbers, words): (Vec<_>, Vec<_>) =
            lower.into_iter().partition(|word| word.parse::<usize>().is_ok());
        let is_scenario = |word: &&String| {
            let all = [Scenario::First, Scenario::Duplicates, Scenario::Mix, Scenario::DoubleClicks];
            all.iter().any(|scenario| scenario.name().starts_with(word.as_str()))
        };
        let (scenarios, names): (Vec<_>, Vec<_>) = words.iter().partition(is_scenario);
        self.cells.retain(|cell| {
            let name = cell.contestant.name().to_lowercase();
            (numbers.is_empty() || numbers.contains(&cell.connections.to_string()))
                && (scenarios.is_empty()
                    || scenarios.iter().any(|word| cell.scenario.name().starts_with(*word)))
                && (names.is_empty() || names.iter().any(|word| name.contains(*word)))
        });
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_can_be_narrowed() {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let narrow = Plan::full().only(&words(&["postgresql + redis", "first", "64"]));
        let names: Vec<_> = narrow.cells.iter().map(|cell| cell.contestant).collect();
        assert_eq!(names, [PostgresRedis, TwoServers]);
        assert!(narrow.cells.iter().all(|cell| (cell.scenario, cell.connections) == (Scenario::First, 64)));
        assert_eq!(Plan::full().only(&[]).cells.len(), Plan::full().cells.len());
    }

    #[test]
    fn no_cell_is_measured_twice() {
        for plan in [Plan::quick(), Plan::full()] {
            let all: std::collections::BTreeSet<_> = plan.cells.iter().collect();
            assert_eq!(all.len(), plan.cells.len());
        }
    }
}
