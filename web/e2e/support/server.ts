import { execFileSync, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createHmac, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** The program under test. */
export const BINARY =
  process.env['SEKALI_BIN'] ??
  fileURLToPath(new URL('../../../target/release/sekali', import.meta.url));
/** Node.js itself has no SQLite yet. */
const SQL = `import sqlite3, sys
sqlite3.connect(sys.argv[1], timeout=10, isolation_level=None).execute(sys.argv[2])`;
const START_MS = 30_000;
const STOP_MS = 15_000;

export interface Server {
  origin: string;
  /** A token as the host application makes it, good for an hour. */
  token: (user: number, role: 'patient' | 'service' | 'admin') => string;
  /** The lines of its log so far. */
  log: readonly string[];
  /** Somebody changes its database past the service. */
  sql: (statement: string) => void;
  stop: () => Promise<void>;
}

export interface ServerOptions {
  demo: boolean;
  /** A loopback address; 127.0.0.1 if it is not given. */
  host?: string;
}

/** Starts the real service with its simulator on a free port and a database of its own. */
export async function startServer(options: ServerOptions): Promise<Server> {
  if (!existsSync(BINARY)) {
    throw new Error(`${BINARY} is not there: build it with ./dev build, or set SEKALI_BIN`);
  }
  const secret = randomBytes(32).toString('hex');
  const folder = await mkdtemp(join(tmpdir(), 'sekali-e2e-'));
  const database = join(folder, 'sekali.db');
  const child = spawn(BINARY, ['serve'], {
    cwd: folder,
    // Nothing else of this environment: a DATABASE_URL in it must not be the one that is written to.
    env: {
      PATH: process.env['PATH'],
      SEKALI_LISTEN: `${options.host ?? '127.0.0.1'}:0`,
      DATABASE_URL: `sqlite://${database}`,
      SEKALI_JWT_SECRET: secret,
      SEKALI_STRIPE_SIMULATOR: '1',
      SEKALI_RATE_LIMIT: '0',
      ...(options.demo ? { SEKALI_DEMO: '1' } : {}),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  const stop = async () => {
    await terminate(child);
    process.off('exit', kill);
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const token: Server['token'] = (user, role) => signed(secret, { sub: String(user), role });
    const log: string[] = [];
    const sql: Server['sql'] = (statement) => {
      execFileSync('python3', ['-c', SQL, database, statement]);
    };
    return { origin: `http://${await listening(child, log)}`, token, log, sql, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** A JSON Web Token with HS256. */
function signed(secret: string, claims: object): string {
  const now = Math.floor(Date.now() / 1000);
  const parts = [
    { alg: 'HS256', typ: 'JWT' },
    { ...claims, iat: now, exp: now + 3600 },
  ];
  const text = parts
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.');
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
}

/** The address in the log line `Listening`; all output stays read, so that the service never waits for us. */
function listening(child: ChildProcess, output: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const fail = (why: string) => {
      reject(new Error(`${BINARY} ${why}:\n${output.slice(-20).join('\n')}`));
    };
    const timer = setTimeout(() => {
      fail(`did not log "Listening" within ${START_MS} ms`);
    }, START_MS);
    const read = (line: string) => {
      output.push(line);
      const address = addressIn(line);
      if (address === undefined) return;
      clearTimeout(timer);
      resolve(address);
    };
    for (const stream of [child.stdout, child.stderr]) {
      if (stream) createInterface({ input: stream }).on('line', read);
    }
    child.once('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.once('exit', (code, signal) => {
      clearTimeout(timer);
      fail(`ended with ${signal ?? `code ${code ?? 'none'}`}`);
    });
  });
}

function addressIn(line: string): string | undefined {
  try {
    const { message, address } = JSON.parse(line) as { message?: string; address?: string };
    return message === 'Listening' ? address : undefined;
  } catch {
    return undefined;
  }
}

async function terminate(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
  await ended;
  clearTimeout(timer);
}
