import express from 'express';
import idempotencyModule from 'express-idempotency';
import jwt from 'jsonwebtoken';
import { Refusal, createPayment, payments, putConsultation } from './database.mjs';

const { getSharedIdempotencyService, idempotency } = idempotencyModule;

/** The API. `guarded`: whether the transaction looks for an active payment, too. */
export function paymentsApp({ secret, dataAdapter, guarded }) {
  const app = express();
  app.disable('x-powered-by');
  const json = express.json({ limit: '16kb' });
  const once = idempotency({ idempotencyKeyHeader: 'X-Idempotency-Key', dataAdapter });
  app.use(authenticate(secret));

  app.post('/api/v1/payments', json, requireKey, validate, once, async (req, res) => {
    const service = getSharedIdempotencyService();
    // As the middleware's README has it: it has answered already.
    if (service.isHit(req)) return;
    try {
      const outcome = await createPayment(wanted(req), guarded);
      if (outcome.existing) return res.status(409).json(existing(outcome.existing));
      res.status(201).json(created(outcome.created));
    } catch (error) {
      await service.reportError(req);
      throw error;
    }
  });

  app.get('/api/v1/payments', async (req, res) => {
    res.json({ data: await payments(req.user.id, Number(req.query.consultation_id)) });
  });

  app.put('/api/v1/consultations/:id', json, async (req, res) => {
    if (req.user.role !== 'service') throw new Refusal(403, 'Not for you');
    await putConsultation(Number(req.params.id), req.body);
    res.status(200).json({ data: { id: Number(req.params.id) } });
  });

  app.use((error, req, res, _next) => {
    if (res.headersSent) return;
    const status = error.status ?? (res.statusCode >= 400 ? res.statusCode : 500);
    res.status(status).json({ message: status < 500 ? error.message : 'Something went wrong' });
  });
  return app;
}

function authenticate(secret) {
  return (req, res, next) => {
    const [scheme, token] = (req.get('authorization') ?? '').split(' ');
    try {
      if (scheme !== 'Bearer') throw new Error('no token');
      const claims = jwt.verify(token, secret, { algorithms: ['HS256'] });
      req.user = { id: Number(claims.sub), role: claims.role ?? 'patient' };
    } catch {
      return res.status(401).json({ message: 'Unauthorized' });
    }
    next();
  };
}

function requireKey(req, res, next) {
  if (!req.get('x-idempotency-key')) throw new Refusal(400, 'X-Idempotency-Key is required');
  next();
}

function validate(req, res, next) {
  const { consultation_id: id, amount, payment_method: method } = req.body ?? {};
  if (!Number.isInteger(id) || !(Number(amount) > 0) || method !== 'stripe') {
    throw new Refusal(422, 'consultation_id, amount and payment_method are required');
  }
  next();
}

function wanted(req) {
  const { consultation_id: consultationId, amount, payment_method: method } = req.body;
  const key = req.get('x-idempotency-key');
  return { userId: req.user.id, consultationId, amount, method, key };
}

function created({ payment, invoice }) {
  const data = { type: 'new', payment_id: payment.id, payment, invoice };
  return { data, message: 'Pembayaran berhasil dibuat' };
}

function existing({ id, status }) {
  const message = 'Pembayaran sudah dibuat sebelumnya';
  return {
    data: { type: 'existing', payment_id: id, status, message },
    message: 'Duplicate payment request detected',
  };
}
