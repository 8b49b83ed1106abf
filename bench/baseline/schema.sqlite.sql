-- The same tables for SQLite.
CREATE TABLE konsultasis (
  id INTEGER PRIMARY KEY,
  patient_id INTEGER NOT NULL,
  fee TEXT NOT NULL,
  currency TEXT NOT NULL DEFAULT 'PHP'
);
CREATE TABLE payments (
  id INTEGER PRIMARY KEY,
  user_id INTEGER NOT NULL,
  consultation_id INTEGER NOT NULL REFERENCES konsultasis (id),
  amount TEXT NOT NULL,
  payment_method TEXT NOT NULL,
  status TEXT NOT NULL DEFAULT 'pending',
  idempotency_key TEXT,
  created_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
  updated_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
);
CREATE INDEX payments_by_consultation ON payments (consultation_id, user_id);
CREATE INDEX payments_by_key ON payments (idempotency_key);
CREATE TABLE tax_records (
  id INTEGER PRIMARY KEY,
  payment_id INTEGER NOT NULL REFERENCES payments (id),
  tax_type TEXT NOT NULL,
  tax_rate TEXT NOT NULL,
  tax_amount TEXT NOT NULL
);
CREATE INDEX tax_records_by_payment ON tax_records (payment_id);
CREATE TABLE invoices (
  id INTEGER PRIMARY KEY,
  payment_id INTEGER NOT NULL REFERENCES payments (id),
  invoice_number TEXT NOT NULL UNIQUE,
  amount TEXT NOT NULL,
  status TEXT NOT NULL DEFAULT 'pending',
  issued_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
);
CREATE INDEX invoices_by_payment ON invoices (payment_id);
