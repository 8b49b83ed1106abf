import { hostApp } from './app.mjs';
import { Records } from './records.mjs';
import { Sekali } from './sekali.mjs';

function setting(name) {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set`);
  return value;
}

const app = hostApp({
  records: new Records(process.env.HOST_JOURNAL ?? 'host.journal'),
  sekali: new Sekali(setting('SEKALI_URL'), setting('SEKALI_JWT_SECRET')),
  webhookSecrets: setting('SEKALI_HOST_WEBHOOK_SECRET').split(','),
});

const server = app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1', (error) => {
  if (error) throw error;
  console.log(`Host listening on http://127.0.0.1:${server.address().port}`);
});
