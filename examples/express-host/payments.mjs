// What messages say of payments.

// A payment after a message about it. Messages come in order; what is older than what is known, such
// as one that was replayed, changes nothing. Not by `sequence`: its numbers come again when Sekali's
// database was restored from a backup.
export function follow(known, { type, timestamp, data }) {
  if (known !== undefined && timestamp < known.timestamp) return known;
  return {
    timestamp,
    payment_id: data.payment_id,
    consultation_id: data.consultation_id,
    sequence: data.sequence,
    status: data.status,
    amount: data.amount,
    currency: data.currency,
    invoice_number: data.invoice_number,
    // What only some messages tell stays as it was told last.
    refunded_amount: data.refunded_amount ?? known?.refunded_amount ?? null,
    dispute: data.dispute?.status ?? known?.dispute ?? null,
    history: [...(known?.history ?? []), type],
  };
}

// How a consultation stands, by all its payments: one that failed may be followed by another.
export function standing(payments) {
  const any = (...statuses) => payments.some(({ status }) => statuses.includes(status));
  if (any('completed')) return 'paid';
  if (any('pending', 'processing')) return 'being paid';
  return any('refunded') ? 'refunded' : 'unpaid';
}
