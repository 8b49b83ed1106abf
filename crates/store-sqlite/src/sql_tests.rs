use super::{console, operations};
use crate::connection::CACHED_STATEMENTS;
use crate::{functions, migrations};
use rusqlite::Connection;

/// Every statement, with its name.
fn all() -> impl Iterator<Item = &'static (&'static str, &'static str)> {
    super::ALL.iter().chain(operations::ALL).chain(console::ALL)
}

fn migrated() -> Connection {
    let connection = Connection::open_in_memory().unwrap();
    functions::register(&connection).unwrap();
    for migration in migrations::ALL {
        connection.execute_batch(migration.sql).unwrap();
    }
    connection
}

#[test]
fn every_statement_fits_the_schema() {
    let connection = migrated();
    for (name, sql) in all() {
        connection.prepare(sql).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[test]
fn every_row_is_found_by_an_index() {
    let connection = migrated();
    // Tables of one row or a handful.
    let exempt = ["NEWEST_MIGRATION", "INSTALLATION", "FORGET_SEQUENCE", "HAS_MIGRATIONS"];
    // Those that walk an index: its first rows in its order, or all of one that holds nothing else.
    let walking =
        ["CASES", "OPEN_CASES", "OUTBOX_DEPTH", "COUNT_ABANDONED_EVENTS", "ABANDONED_EVENTS", "NEWEST_ENTRY"];
    // Few rows, which are put in order.
    let few = ["OF_CONSULTATION", "GLANCES_PENDING"];
    for (name, sql) in all().filter(|(name, _)| !exempt.contains(name)) {
        let plan = format!("EXPLAIN QUERY PLAN {sql}");
        let mut plan = connection.prepare(&plan).unwrap();
        let parameters = vec![rusqlite::types::Null; plan.parameter_count()];
        let steps = plan.query_map(rusqlite::params_from_iter(parameters), |row| row.get("detail")).unwrap();
        let steps: Vec<String> = steps.map(Result::unwrap).collect();
        let walks = |step: &str| walking.contains(name) && step.contains(" INDEX ");
        assert!(
            !steps
                .iter()
                .any(|step| { step.starts_with("SCAN") && !step.contains("CONSTANT ROW") && !walks(step) }),
            "{name}: {steps:?}"
        );
        assert!(
            !steps
                .iter()
                .any(|step| step.contains("TEMP B-TREE FOR ORDER BY")
                    && !few.iter().any(|few| name.contains(few))),
            "{name}: {steps:?}"
        );
    }
}

#[test]
fn every_statement_stays_prepared() {
    let sent = all().count();
    assert!(sent <= CACHED_STATEMENTS, "there is room for {CACHED_STATEMENTS}, and {sent} are sent");
}

#[test]
fn migrations_are_numbered_without_gaps() {
    for (expected, migration) in (1..).zip(migrations::ALL) {
        assert_eq!(migration.version, expected, "{}", migration.name);
        let file = format!("{}/migrations/{expected:04}_{}.sql", env!("CARGO_MANIFEST_DIR"), migration.name);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), migration.sql, "{file}");
    }
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations");
    assert_eq!(std::fs::read_dir(folder).unwrap().count(), migrations::ALL.len(), "every file is listed");
}
