import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startServer } from './support/server.js';
import type { Server } from './support/server.js';

const run = promisify(execFile);
const SCRIPT = fileURLToPath(new URL('../packages/client/scripts/types.js', import.meta.url));

let server: Server;
let folder: string;

beforeAll(async () => {
  server = await startServer({ demo: false });
  folder = await mkdtemp(join(tmpdir(), 'sekali-types-'));
});

afterAll(async () => {
  await server.stop();
  await rm(folder, { recursive: true, force: true });
});

const check = (document: string) => run(process.execPath, [SCRIPT, document, '--check']);

test('the client’s types are those of the service’s OpenAPI document', async () => {
  await check(`${server.origin}/openapi.json`);
});

test('and a document that says something else would be noticed', async () => {
  const response = await fetch(`${server.origin}/openapi.json`);
  const text = (await response.text()).replaceAll('"expired"', '"lapsed"');
  const changed = join(folder, 'openapi.json');
  await writeFile(changed, text);
  await expect(check(changed)).rejects.toThrow('src/api.ts is not what the document says');
});
