-- The original's tables, as its SQL needs them.
CREATE TABLE konsultasis (
  id BIGINT PRIMARY KEY,
  patient_id BIGINT NOT NULL,
  fee NUMERIC(15, 2) NOT NULL,
  currency CHAR(3) NOT NULL DEFAULT 'PHP'
);
CREATE TABLE payments (
  id BIGSERIAL PRIMARY KEY,
  user_id BIGINT NOT NULL,
  consultation_id BIGINT NOT NULL REFERENCES konsultasis (id),
  amount NUMERIC(15, 2) NOT NULL,
  payment_method TEXT NOT NULL,
  status TEXT NOT NULL DEFAULT 'pending',
  idempotency_key TEXT,
  created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
  updated_at TIMESTAMPTZ NOT NULL DEFAULT now()
);
CREATE INDEX ON payments (consultation_id, user_id);
CREATE INDEX ON payments (idempotency_key);
CREATE TABLE tax_records (
  id BIGSERIAL PRIMARY KEY,
  payment_id BIGINT NOT NULL REFERENCES payments (id),
  tax_type TEXT NOT NULL,
  tax_rate NUMERIC(5, 2) NOT NULL,
  tax_amount NUMERIC(15, 2) NOT NULL
);
CREATE INDEX ON tax_records (payment_id);
CREATE TABLE invoices (
  id BIGSERIAL PRIMARY KEY,
  payment_id BIGINT NOT NULL REFERENCES payments (id),
  invoice_number TEXT NOT NULL UNIQUE,
  amount NUMERIC(15, 2) NOT NULL,
  status TEXT NOT NULL DEFAULT 'pending',
  issued_at TIMESTAMPTZ NOT NULL DEFAULT now()
);
CREATE INDEX ON invoices (payment_id);
