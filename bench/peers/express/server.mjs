import cluster from 'node:cluster';
import RedisAdapterModule from 'express-idempotency-redis-adapter';
import { paymentsApp } from './app.mjs';

function setting(name) {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set`);
  return value;
}

async function serve() {
  const dataAdapter = new RedisAdapterModule.default({
    connectionConfig: { url: setting('REDIS_URL') },
  });
  await dataAdapter.connect();
  const guarded = process.env.PEER_TRUST !== 'middleware';
  const app = paymentsApp({ secret: setting('JWT_SECRET'), dataAdapter, guarded });
  app.listen(Number(setting('PORT')), '127.0.0.1', (error) => {
    if (error) throw error;
  });
}

if (cluster.isPrimary) {
  for (let i = 0; i < Number(process.env.WORKERS ?? 2); i += 1) cluster.fork();
  cluster.on('exit', () => process.exit(1));
  process.on('SIGTERM', () => process.exit(0));
} else {
  await serve();
}
