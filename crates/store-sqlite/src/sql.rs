//! Every statement that is sent. A test prepares each against the migrated schema, so that none is
//! found wrong by a patient.

/// Writes the list of statements once, as constants and as [`ALL`].
macro_rules! statements {
    ($($(#[$doc:meta])* $name:ident = $sql:expr;)+) => {
        $($(#[$doc])* pub(crate) const $name: &str = $sql;)+
        /// All of them.
        #[cfg(test)]
        pub(super) const ALL: &[(&str, &str)] = &[$((stringify!($name), $name),)+];
    };
}

/// Payments with their invoices, in the columns that `rows::receipt` reads.
macro_rules! receipts {
    ($rest:literal) => {
        receipts!("", $rest)
    };
    ($more:literal, $rest:literal) => {
        concat!(
            "SELECT p.id, p.reference, p.user_id, p.consultation_id, p.amount_minor, p.currency, \
             p.payment_method, p.status, p.created_at, p.updated_at, \
             (p.status = 'processing' AND NOT EXISTS (SELECT 1 FROM checkout_sessions s \
             WHERE s.payment_id = p.id AND s.state IN ('creating', 'open'))), \
             p.cancel_requested_at IS NOT NULL, p.refunded_minor, p.dispute, \
             i.id, i.invoice_number, i.amount_minor, i.currency, i.status, i.issued_at",
            $more,
            " FROM payments p JOIN invoices i ON i.payment_id = p.id ",
            $rest
        )
    };
}

/// Sessions, in the columns that `rows::session` reads.
macro_rules! sessions {
    ($rest:literal) => {
        concat!(
            "SELECT id, payment_id, state, request, gateway_id, ending, created_at FROM checkout_sessions ",
            $rest
        )
    };
}

/// Captures, in the columns that `rows::capture` reads, then their payment.
macro_rules! captures {
    ($rest:literal) => {
        concat!(
            "SELECT payment_intent, session_id, amount_minor, currency, disposition, created_at, payment_id \
             FROM captures ",
            $rest
        )
    };
}

/// Refunds, in the columns that `rows::refund` reads, then their payment.
macro_rules! refunds {
    ($rest:literal) => {
        concat!(
            "SELECT id, payment_intent, amount_minor, currency, state, origin, requested_by, \
             idempotency_key, fingerprint, reason, request, gateway_id, replaces, failure, created_at, \
             payment_id FROM refunds ",
            $rest
        )
    };
}

/// Entries of the record, in the columns that `rows::event` reads.
macro_rules! events {
    ($more:literal, $rest:literal) => {
        concat!(
            "SELECT e.payment_id, e.seq, e.at_micros, e.kind, e.data, e.announces, e.prev_hash, e.hash",
            $more,
            " FROM payment_events e ",
            $rest
        )
    };
}

pub(crate) mod console;
pub(crate) mod operations;

statements! {
    BEGIN = "BEGIN IMMEDIATE";
    /// Never upgraded: what it reads is one picture of the database.
    BEGIN_READING = "BEGIN";
    COMMIT = "COMMIT";
    ROLLBACK = "ROLLBACK";
    SAVEPOINT = "SAVEPOINT job";
    UNDO_SAVEPOINT = "ROLLBACK TO job";
    RELEASE_SAVEPOINT = "RELEASE job";

    HAS_MIGRATIONS = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'sekali_migrations'";
    NEWEST_MIGRATION = "SELECT coalesce(max(version), 0) FROM sekali_migrations";
    NOTE_MIGRATION = "INSERT INTO sekali_migrations (version, name) VALUES (?1, ?2)";
    INSTALLATION = "SELECT id FROM installation";
    FORGET_SEQUENCE = "DELETE FROM sqlite_sequence WHERE name = ?1";
    SET_SEQUENCE = "INSERT INTO sqlite_sequence (name, seq) VALUES (?1, ?2)";

    RECEIPT = receipts!("WHERE p.id = ?1");
    ACTIVE_RECEIPT = receipts!(
        "WHERE p.consultation_id = ?1 AND p.status IN ('pending', 'processing', 'completed')"
    );
    RECEIPTS_OF_ALL = receipts!("WHERE p.id < ?1 ORDER BY p.id DESC LIMIT ?2");
    RECEIPTS_OF_USER = receipts!("WHERE p.user_id = ?3 AND p.id < ?1 ORDER BY p.id DESC LIMIT ?2");
    /// A consultation has few payments, so its index finds them and the rest is compared.
    RECEIPTS_OF_CONSULTATION = receipts!(
        "WHERE p.consultation_id = ?3 AND (?4 IS NULL OR p.user_id = ?4) AND p.id < ?1 \
         ORDER BY p.id DESC LIMIT ?2"
    );
    /// The receipt's columns, then the fingerprint.
    KEY = receipts!(
        ", k.fingerprint",
        "JOIN idempotency_keys k ON k.payment_id = p.id WHERE k.user_id = ?1 AND k.key = ?2"
    );
    INSERT_PAYMENT = "INSERT INTO payments (reference, user_id, consultation_id, amount_minor, currency, \
         currency_decimals, payment_method, status, created_at, updated_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 'pending', ?8, ?8)";
    INSERT_TAX = "INSERT INTO tax_records (payment_id, tax_type, tax_rate_ppm, tax_amount_minor, \
         currency_decimals) VALUES (?1, ?2, ?3, ?4, ?5)";
    INSERT_INVOICE = "INSERT INTO invoices (payment_id, invoice_number, amount_minor, currency, \
         currency_decimals, status, issued_at, updated_at) VALUES (?1, ?2, ?3, ?4, ?5, 'pending', ?6, ?6)";
    INSERT_KEY = "INSERT INTO idempotency_keys (user_id, key, fingerprint, payment_id, created_at) \
         VALUES (?1, ?2, ?3, ?4, ?5)";
    PURGE_KEYS = "DELETE FROM idempotency_keys WHERE (user_id, key) IN \
         (SELECT user_id, key FROM idempotency_keys WHERE created_at < ?1 ORDER BY created_at LIMIT ?2)";

    CONSULTATION = "SELECT patient_id, fee, currency, tax_exempt FROM konsultasis WHERE id = ?1";
    INSERT_CONSULTATION = "INSERT INTO konsultasis \
         (id, patient_id, fee, currency, tax_exempt, created_at, updated_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)";
    UPDATE_CONSULTATION = "UPDATE konsultasis \
         SET patient_id = ?2, fee = ?3, currency = ?4, tax_exempt = ?5, updated_at = ?6 WHERE id = ?1";
    IS_BEING_PAID = "SELECT 1 FROM payments \
         WHERE consultation_id = ?1 AND status IN ('pending', 'processing', 'completed')";

    TAXES = "SELECT tax_type, tax_rate_ppm, tax_amount_minor, tax_refunded_minor, id FROM tax_records \
         WHERE payment_id = ?1 ORDER BY id";
    SESSIONS_OF_PAYMENT = sessions!("WHERE payment_id = ?1 ORDER BY rowid");
    CAPTURES_OF_PAYMENT = captures!("WHERE payment_id = ?1 ORDER BY rowid");
    REFUNDS_OF_PAYMENT = refunds!("WHERE payment_id = ?1 ORDER BY ordinal");
    DISPUTES_OF_PAYMENT = "SELECT gateway_id, payment_intent, amount_minor, currency, state, reason, \
         created_at FROM disputes WHERE payment_id = ?1 ORDER BY ordinal";
    HEAD = "SELECT seq, hash FROM payment_events WHERE payment_id = ?1 ORDER BY seq DESC LIMIT 1";

    SESSION = sessions!("WHERE id = ?1");
    SESSION_BY_GATEWAY_ID = sessions!("WHERE gateway_id = ?1");
    LATEST_SESSION = sessions!("WHERE payment_id = ?1 ORDER BY rowid DESC LIMIT 1");
    PAYMENT_OF_INTENT = "SELECT payment_id FROM captures WHERE payment_intent = ?1";
    REFUND = refunds!("WHERE id = ?1");
    REFUND_BY_KEY = refunds!("WHERE requested_by = ?1 AND idempotency_key = ?2");

    MOVE_PAYMENT = "UPDATE payments SET status = ?3, updated_at = ?4 WHERE id = ?1 AND status = ?2";
    /// A payment stops being active only when no money can arrive for it any more.
    END_PAYMENT = "UPDATE payments SET status = ?3, updated_at = ?4 \
         WHERE id = ?1 AND status = ?2 AND NOT EXISTS (SELECT 1 FROM checkout_sessions s \
         WHERE s.payment_id = payments.id AND s.state IN ('creating', 'open', 'submitted'))";
    MOVE_INVOICE = "UPDATE invoices SET status = ?3, updated_at = ?4 WHERE payment_id = ?1 AND status = ?2";
    REQUEST_CANCEL = "UPDATE payments SET cancel_requested_at = ?2, updated_at = ?2 \
         WHERE id = ?1 AND cancel_requested_at IS NULL";
    REFUND_OF_PAYMENT = "UPDATE payments SET refunded_minor = ?2, updated_at = ?3 WHERE id = ?1";
    REFUND_OF_TAX = "UPDATE tax_records SET tax_refunded_minor = ?2 WHERE id = ?1";
    SET_DISPUTE = "UPDATE payments SET dispute = ?2, updated_at = ?3 WHERE id = ?1";
    INSERT_SESSION = "INSERT INTO checkout_sessions \
         (id, payment_id, consultation_id, state, request, gateway_id, ending, created_at, updated_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    MOVE_SESSION = "UPDATE checkout_sessions \
         SET state = ?4, gateway_id = coalesce(gateway_id, ?5), updated_at = ?6 \
         WHERE id = ?1 AND payment_id = ?2 AND state = ?3";
    END_SESSION = "UPDATE checkout_sessions SET ending = ?3, updated_at = ?4 \
         WHERE id = ?1 AND payment_id = ?2 AND state IN ('creating', 'open', 'submitted', 'expired')";
    INSERT_CAPTURE = "INSERT INTO captures (payment_intent, payment_id, session_id, amount_minor, currency, \
         disposition, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    INSERT_REFUND = "INSERT INTO refunds (id, payment_id, payment_intent, amount_minor, currency, \
         currency_decimals, state, origin, requested_by, idempotency_key, fingerprint, reason, request, \
         gateway_id, replaces, failure, created_at, updated_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)";
    MOVE_REFUND = "UPDATE refunds \
         SET state = ?4, gateway_id = coalesce(gateway_id, ?5), failure = ?6, updated_at = ?7 \
         WHERE id = ?1 AND payment_id = ?2 AND state = ?3";
    PUT_DISPUTE = "INSERT INTO disputes (gateway_id, payment_id, payment_intent, amount_minor, currency, \
         state, reason, created_at, updated_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) \
         ON CONFLICT (gateway_id) DO UPDATE SET amount_minor = excluded.amount_minor, \
         currency = excluded.currency, state = excluded.state, reason = excluded.reason, \
         updated_at = excluded.updated_at WHERE payment_id = excluded.payment_id";

    INSERT_EVENT = "INSERT INTO payment_events \
         (payment_id, seq, at_micros, kind, data, announces, prev_hash, hash) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    RECORD = events!("", "WHERE e.payment_id = ?1 AND e.seq > ?2 ORDER BY e.seq LIMIT ?3");
    /// The entry's columns, then the payment's reference.
    RECORDS = events!(
        ", p.reference",
        "CROSS JOIN payments p ON p.id = e.payment_id WHERE (e.payment_id, e.seq) > (?1, ?2) \
         ORDER BY e.payment_id, e.seq LIMIT ?3"
    );

    /// Whoever sends one again that was given up does it on purpose.
    REVIVE_EVENT = "UPDATE gateway_events SET due_at = ?2, attempts = 0 \
         WHERE id = ?1 AND due_at IS NULL AND finished_at IS NULL";
    RECEIVE_EVENT = "INSERT INTO gateway_events (id, kind, object, payload, received_at, due_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (id) DO NOTHING";
    CLAIM_EVENTS = "UPDATE gateway_events SET leased_until = ?2, attempts = attempts + 1 WHERE id IN \
         (SELECT id FROM gateway_events WHERE due_at <= ?1 AND (leased_until IS NULL OR leased_until <= ?1) \
         ORDER BY due_at LIMIT ?3) RETURNING id, kind, object, attempts";
    FINISH_EVENT = "UPDATE gateway_events \
         SET finished_at = coalesce(finished_at, ?2), due_at = NULL, leased_until = NULL WHERE id = ?1";
    /// Not one that somebody else has finished since the lease ran out.
    POSTPONE_EVENT = "UPDATE gateway_events SET error = ?2, due_at = ?3, leased_until = NULL \
         WHERE id = ?1 AND finished_at IS NULL";
}

#[cfg(test)]
#[path = "sql_tests.rs"]
mod tests;
