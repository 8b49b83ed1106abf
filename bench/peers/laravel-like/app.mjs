import Fastify from 'fastify';
import Redis from 'ioredis';
import jwt from 'jsonwebtoken';
import { PaymentService, Refusal } from './payment-service.mjs';

/** The API around the service. */
export function paymentsApp({ secret, databaseUrl, redisUrl, poolSize }) {
  const app = Fastify({ bodyLimit: 16 * 1024 });
  const service = new PaymentService({ databaseUrl, poolSize, redis: new Redis(redisUrl) });
  app.decorateRequest('user', null);
  app.addHook('onRequest', async (request) => {
    request.user = authenticate(request.headers.authorization, secret);
  });

  app.post('/api/v1/payments', async (request, reply) => {
    const result = await service.processPayment(wanted(request));
    if (result.type === 'new') {
      const { status: _status, ...data } = result;
      return reply.code(201).send({ data, message: 'Pembayaran berhasil dibuat' });
    }
    const message = 'Pembayaran sudah dibuat sebelumnya';
    return reply
      .code(409)
      .send({ data: { ...result, message }, message: 'Duplicate payment request detected' });
  });

  app.get('/api/v1/payments', async (request) => {
    const { rows } = await service.pool.query(
      'SELECT * FROM payments WHERE user_id = $1 AND consultation_id = $2 ORDER BY id DESC',
      [request.user.id, Number(request.query.consultation_id)],
    );
    return { data: rows };
  });

  app.put('/api/v1/consultations/:id', async (request) => {
    if (request.user.role !== 'service') throw new Refusal(403, 'Not for you');
    const { patient_id: patient, fee, currency } = request.body;
    await service.pool.query(
      `INSERT INTO konsultasis (id, patient_id, fee, currency) VALUES ($1, $2, $3, $4)
       ON CONFLICT (id) DO UPDATE SET patient_id = $2, fee = $3, currency = $4`,
      [Number(request.params.id), patient, fee, currency ?? 'PHP'],
    );
    return { data: { id: Number(request.params.id) } };
  });
  return app;
}

function authenticate(header, secret) {
  const [scheme, token] = (header ?? '').split(' ');
  try {
    if (scheme !== 'Bearer') throw new Error('no token');
    const claims = jwt.verify(token, secret, { algorithms: ['HS256'] });
    return { id: Number(claims.sub), role: claims.role ?? 'patient' };
  } catch {
    throw new Refusal(401, 'Unauthorized');
  }
}

function wanted(request) {
  const {
    consultation_id: id,
    amount,
    payment_method: method,
    idempotency_key,
  } = request.body ?? {};
  const key = request.headers['x-idempotency-key'] ?? idempotency_key;
  if (!key) throw new Refusal(400, 'X-Idempotency-Key is required');
  if (!Number.isInteger(id) || !(Number(amount) > 0) || method !== 'stripe') {
    throw new Refusal(422, 'consultation_id, amount and payment_method are required');
  }
  return { userId: request.user.id, consultationId: id, amount, method, key };
}
