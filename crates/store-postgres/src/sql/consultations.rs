//! Consultations.

use super::Sql;

statements! { CONSULTATIONS;
    CONSULTATION(INT8) = concat!("SELECT ", consultation!(), " FROM konsultasis c WHERE c.id = $1");

    INSERT_CONSULTATION(INT8, INT8, TEXT, TEXT, BOOL, TIMESTAMPTZ) = concat!(
        "INSERT INTO konsultasis AS c (id, patient_id, fee, currency, tax_exempt, created_at, updated_at) \
         VALUES ($1, $2, $3::text::numeric, $4, coalesce($5, false), $6, $6) \
         ON CONFLICT (id) DO NOTHING RETURNING ", consultation!());

    /// Locks it without blocking foreign keys of the host's that name it.
    LOCK_CONSULTATION(INT8) = "SELECT 1 FROM konsultasis WHERE id = $1 FOR NO KEY UPDATE";

    /// Whether it costs somebody else, or something else, than it would.
    IS_BEING_PAID_OTHERWISE(INT8, INT8, TEXT, TEXT) =
        "SELECT 1 FROM konsultasis c JOIN payments p ON p.consultation_id = c.id \
         WHERE c.id = $1 AND p.status IN ('pending', 'processing', 'completed') \
         AND (c.patient_id <> $2 OR c.fee <> $3::text::numeric OR c.currency <> $4)";

    UPDATE_CONSULTATION(INT8, INT8, TEXT, TEXT, BOOL, TIMESTAMPTZ) = concat!(
        "UPDATE konsultasis c SET patient_id = $2, fee = $3::text::numeric, currency = $4, \
         tax_exempt = coalesce($5, c.tax_exempt), updated_at = $6 WHERE c.id = $1 RETURNING ",
        consultation!());
}
