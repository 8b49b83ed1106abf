-- The original's transaction, statement by statement. Each client pays consultations of its own, from
-- :first + :client_id * :each on, one a transaction; :n counts them.
\set n :n + 1
\set consultation :first + :client_id * :each + :n
BEGIN;
SELECT patient_id, fee FROM konsultasis WHERE id = :consultation FOR UPDATE;
SELECT id, status FROM payments WHERE consultation_id = :consultation AND user_id = :consultation AND status IN ('pending', 'processing', 'completed') FOR UPDATE;
INSERT INTO payments (user_id, consultation_id, amount, payment_method, status, idempotency_key) VALUES (:consultation, :consultation, 5000.00, 'stripe', 'pending', 'payment-1705321200000-a3d5f2c1-9e8b-4f6d-8a2c-' || lpad((:consultation::bigint)::text, 12, '0')) RETURNING id AS payment \gset
INSERT INTO tax_records (payment_id, tax_type, tax_rate, tax_amount) VALUES (:payment, 'VAT', 12, 600.00);
INSERT INTO tax_records (payment_id, tax_type, tax_rate, tax_amount) VALUES (:payment, 'PPh', 15, 750.00);
INSERT INTO invoices (payment_id, invoice_number, amount, status) VALUES (:payment, 'INV-20240115103000-' || lpad((:payment::bigint)::text, greatest(6, length((:payment::bigint)::text)), '0'), 5000.00, 'pending');
COMMIT;
