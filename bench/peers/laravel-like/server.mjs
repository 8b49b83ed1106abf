import cluster from 'node:cluster';
import { paymentsApp } from './app.mjs';

function setting(name) {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set`);
  return value;
}

if (cluster.isPrimary) {
  for (let i = 0; i < Number(process.env.WORKERS ?? 2); i += 1) cluster.fork();
  cluster.on('exit', () => process.exit(1));
  process.on('SIGTERM', () => process.exit(0));
} else {
  const app = paymentsApp({
    secret: setting('JWT_SECRET'),
    databaseUrl: setting('DATABASE_URL'),
    redisUrl: setting('REDIS_URL'),
    poolSize: Number(process.env.POOL ?? 8),
  });
  await app.listen({ port: Number(setting('PORT')), host: '127.0.0.1' });
}
