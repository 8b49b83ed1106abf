use super::{console, operations};
use crate::connection::{CACHED_STATEMENTS, make_file, open_writer};
use crate::{functions, migrations};
use rusqlite::{Connection, StatementStatus};

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
    let walking = [
        "CASES",
        "OPEN_CASES",
        "OUTBOX_DEPTH",
        "COUNT_ABANDONED_EVENTS",
        "ABANDONED_EVENTS",
        "NEWEST_ENTRY",
        "GLANCES_PENDING",
    ];
    // Few rows, which are put in order.
    let few = ["OF_CONSULTATION", "GLANCES_PENDING", "KEPT_EVENTS_ABOUT"];
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

/// A plan that depends on a value is made anew for each.
#[test]
fn no_statement_is_prepared_again_for_another_value() {
    let folder = std::env::temp_dir().join(format!("sekali-prepared-{}", std::process::id()));
    std::fs::create_dir(&folder).unwrap();
    let file = make_file(&folder.join("sekali.db")).unwrap();
    let connection = open_writer(&file).unwrap();
    for migration in migrations::ALL {
        connection.execute_batch(migration.sql).unwrap();
    }
    let mut again = Vec::new();
    for (name, sql) in all() {
        let mut statement = connection.prepare(sql).unwrap();
        for value in 1..=3 {
            for parameter in 1..=statement.parameter_count() {
                statement.raw_bind_parameter(parameter, value).unwrap();
            }
            // What refuses such a value was prepared all the same.
            let _ = statement.raw_query().next();
        }
        if statement.get_status(StatementStatus::RePrepare) > 0 {
            again.push(name);
        }
    }
    drop(connection);
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!(again, [&""; 0]);
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

/// Payments, unless `SEKALI_ROWS` says how many: a million plays the whole.
const ROWS: i64 = 20_000;
/// Steps of SQLite's machine that one answer may take; a walk through all the rows takes several for each.
const STEPS: i32 = 10_000;

/// One payment a minute, all but the newest hundred ended long ago, ten for a patient.
fn fill(connection: &Connection, rows: i64) {
    connection
        .execute_batch(&format!(
            "INSERT INTO konsultasis (id, patient_id, fee) WITH RECURSIVE n (id) AS \
             (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < {rows}) SELECT id, 5000000 + id / 10, '5000.00' FROM n; \
             INSERT INTO payments (id, reference, user_id, consultation_id, amount_minor, currency, \
             currency_decimals, payment_method, status, created_at, updated_at) \
             SELECT id, format('00000000-0000-4000-8000-%012d', id), patient_id, id, 500000, 'PHP', 2, 'stripe', \
             CASE WHEN id > {rows} - 100 THEN 'pending' WHEN id % 1000 = 0 THEN 'failed' \
             WHEN id % 10 < 2 THEN 'expired' ELSE 'completed' END, \
             datetime(1705314600 - ({rows} - id) * 60, 'unixepoch'), '2024-01-15 10:30:00' FROM konsultasis; \
             INSERT INTO invoices (payment_id, invoice_number, amount_minor, currency, currency_decimals, status, \
             issued_at, updated_at) SELECT id, 'INV-' || strftime('%Y%m%d%H%M%S', created_at) || format('-%06d', id), \
             amount_minor, currency, 2, 'paid', created_at, created_at FROM payments; \
             INSERT INTO idempotency_keys (user_id, key, fingerprint, payment_id, created_at) \
             SELECT user_id, 'payment-' || id || '-' || reference, format('%064d', id), id, created_at FROM payments; \
             INSERT INTO checkout_sessions (id, payment_id, consultation_id, state, request, gateway_id, created_at, \
             updated_at) SELECT reference, id, id, 'complete', 'r', 'cs_' || id, created_at, created_at \
             FROM payments WHERE status <> 'pending'; \
             INSERT INTO captures (payment_intent, payment_id, session_id, amount_minor, currency, disposition, \
             created_at) SELECT 'pi_' || payment_id, payment_id, id, 500000, 'PHP', 'settled', created_at \
             FROM checkout_sessions; \
             INSERT INTO payment_events (payment_id, seq, at_micros, kind, data, prev_hash, hash) \
             SELECT id, 1, unixepoch(created_at) * 1000000, iif(id % 10 = 0, 'duplicate', 'created'), '{{}}', \
             format('%064d', 0), format('%064d', id) FROM payments; \
             INSERT INTO gateway_events (id, kind, object, payload, received_at, finished_at) \
             SELECT 'evt_' || payment_id, 'k', gateway_id, '', created_at, created_at FROM checkout_sessions; \
             INSERT INTO cases (kind, object, payment_id, detail, opened_at, closed_at) \
             SELECT 'surplus', id, id, '', created_at, created_at FROM payments WHERE id % 100 = 0;"
        ))
        .unwrap();
}

/// What an operator asks takes as many steps with a million payments as with a thousand.
#[test]
fn an_operators_questions_are_answered_from_indexes() {
    use rusqlite::StatementStatus;
    let rows: i64 = std::env::var("SEKALI_ROWS").map_or(ROWS, |text| text.parse().unwrap());
    let connection = migrated();
    connection.execute_batch("PRAGMA foreign_keys = OFF; PRAGMA synchronous = OFF").unwrap();
    fill(&connection, rows);
    let middle: String = connection
        .query_row("SELECT created_at FROM payments WHERE id = ?1", [rows / 2], |row| row.get(0))
        .unwrap();
    let number: String = connection
        .query_row("SELECT invoice_number FROM invoices WHERE payment_id = ?1", [rows / 2], |row| row.get(0))
        .unwrap();
    let hour = 1_705_311_000_i64;
    // Without quotes a number, else a text.
    let of = |name: &str| -> Vec<rusqlite::types::Value> {
        let text = |text: &str| rusqlite::types::Value::from(text.to_owned());
        let int = rusqlite::types::Value::from;
        let state =
            |state: &str| vec![text("1970-01-01 00:00:00"), text(&middle), int(rows), int(26), text(state)];
        match name {
            "GLANCES" | "MADE_BY_STATUS" => vec![text("INV-0"), text(&number), int(26)],
            "GLANCES_IN_STATE" => state("completed"),
            "GLANCES_PENDING" => state("")[..4].to_vec(),
            "COUNT_MADE" => vec![text("INV-20240115093000"), text("INV-99999999999999")],
            "FIND_CONSULTATION" => vec![int(77), int(25)],
            "FIND_PATIENT" => vec![int(5_000_007), int(25)],
            "FIND_INVOICE" => vec![text(&number)],
            "FIND_KEY" => vec![text("payment-77-00000000-0000-4000-8000-000000000077"), int(25)],
            "FIND_SESSION" => vec![text("cs_77")],
            "KEYS_OF_PAYMENT" => vec![int(77)],
            "CASES_OF_PAYMENT" => vec![int(100)],
            "KEPT_EVENT" => vec![text("evt_77")],
            "KEPT_EVENTS_ABOUT" => vec![text("cs_77"), int(25)],
            "DUPLICATES_SINCE" => vec![int(hour * 1_000_000), int(25)],
            "ABANDONED_EVENTS" => vec![int(20)],
            "ENTRIES_AFTER" => vec![int(rows - 25), int(25)],
            "LEAVE_NOTE" => vec![text("verify"), int(0), text("{}")],
            "NOTE" => vec![text("verify")],
            "FIND_REFERENCE" | "FIND_SESSION_NAME" | "FIND_REFUND_NAME" => {
                vec![text("00000000-0000-4000-8000-000000000077")]
            }
            "FIND_REFUND" | "FIND_DISPUTE" => vec![text("re_77")],
            "COUNT_WAITING_EVENTS" | "FIRST_WAITING_EVENT" | "COUNT_ABANDONED_EVENTS" | "NEWEST_ENTRY" => {
                vec![]
            }
            other => panic!("{other} is not tried"),
        }
    };
    for (name, sql) in console::ALL {
        let mut statement = connection.prepare(sql).unwrap();
        let begun = tokio::time::Instant::now();
        let mut found = statement.query(rusqlite::params_from_iter(of(name))).unwrap();
        let mut count = 0;
        while found.next().unwrap().is_some() {
            count += 1;
        }
        drop(found);
        let took = begun.elapsed();
        let steps = statement.get_status(StatementStatus::VmStep);
        println!("{name:<24} {count:>5} rows {steps:>7} steps {:>7.2} ms", took.as_secs_f64() * 1000.0);
        assert!(steps < STEPS, "{name} takes {steps} steps");
        assert!(rows < 1_000_000 || took < std::time::Duration::from_millis(50), "{name} took {took:?}");
    }
}
