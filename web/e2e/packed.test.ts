import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { publint } from 'publint';
import { build } from 'vite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Demo, Ledger } from './support/demo.js';
import { arriveAtCallback, arriveAtHostedPage, GOOD, payWithCard } from './support/hosted.js';
import { freshProject, pack, PACKAGES, run } from './support/packed.js';
import type { Packed } from './support/packed.js';
import { useStack } from './support/stack.js';

const stack = useStack();
let packed: Packed;

beforeAll(async () => {
  packed = await pack();
});

afterAll(async () => {
  await packed.remove();
});

describe.each(PACKAGES)('%s as npm would publish it', (name) => {
  const manifest = fileURLToPath(
    new URL(`../packages/${name.replace('@sekali/', '')}/package.json`, import.meta.url),
  );

  test('publint finds nothing', async () => {
    const tarball = await readFile(packed.tarballs[name]);
    const bytes = new Uint8Array(tarball).buffer;
    const { messages } = await publint({ pack: { tarball: bytes }, strict: true });
    expect(messages).toEqual([]);
  });

  test('attw finds nothing', async () => {
    // Both are ECMAScript modules alone, and a style sheet has no types.
    const options = ['--profile', 'esm-only', '--exclude-entrypoints', 'style.css', '--no-emoji'];
    const attw = fileURLToPath(new URL('../node_modules/.bin/attw', import.meta.url));
    await run(packed.folder, attw, packed.tarballs[name], ...options);
  });

  test('its README comes along, and nothing but what was built', async () => {
    const listed = await run(packed.folder, 'tar', '-tzf', packed.tarballs[name]);
    const files = listed.trim().split('\n');
    expect(files).toContain('package/README.md');
    const others = files.filter(
      (file) => !/^package\/(dist\/|README\.md|package\.json)/.test(file),
    );
    expect(others).toEqual([]);
  });

  test('it depends on nothing but its own kind', async () => {
    const { dependencies = {} } = JSON.parse(await readFile(manifest, 'utf8')) as {
      dependencies?: Record<string, string>;
    };
    expect(Object.keys(dependencies)).toEqual(name === '@sekali/vue' ? ['@sekali/client'] : []);
  });
});

/** What a page that uses everything of an entry loads of it, compressed. */
async function weight(entry: string, styles: string[] = []): Promise<number> {
  const output = await build({
    configFile: false,
    logLevel: 'error',
    build: {
      write: false,
      modulePreload: false,
      rolldownOptions: {
        input: fileURLToPath(new URL(entry, import.meta.url)),
        preserveEntrySignatures: 'strict',
        external: ['vue', '@sekali/client'],
      },
    },
  });
  const files = 'output' in output ? output.output : [];
  const code = files.map((file) => (file.type === 'chunk' ? file.code : '')).join('');
  expect(code).toMatch(/export ?\{/);
  const sheets = await Promise.all(
    styles.map((path) => readFile(fileURLToPath(new URL(path, import.meta.url)))),
  );
  return [code, ...sheets].reduce((sum, text) => sum + gzipSync(text, { level: 9 }).length, 0);
}

describe('compressed', () => {
  test('the client is at most 3 KiB', async () => {
    const bytes = await weight('../packages/client/dist/index.js');
    console.info(`client: ${bytes} bytes`);
    expect(bytes).toBeLessThanOrEqual(3 * 1024);
  });

  test('the modal is at most 8 KiB, its style sheet with it', async () => {
    const bytes = await weight('../packages/vue/dist/index.js', ['../packages/vue/dist/style.css']);
    console.info(`modal: ${bytes} bytes`);
    expect(bytes).toBeLessThanOrEqual(8 * 1024);
  });
});

describe('a fresh Vite project outside the repository', () => {
  const FILES = {
    'index.html': `<!doctype html><html lang="id"><meta charset="utf-8"><title>Klinik</title>
      <div id="app"></div><script type="module" src="/main.js"></script></html>`,
    'main.js': `import { createApp } from 'vue';
      import App from './App.vue';
      createApp(App).mount('#app');`,
    'App.vue': `<script setup>
      import paymentService from '@sekali/client';
      import { PaymentModal } from '@sekali/vue';
      import '@sekali/vue/style.css';
      const { consultation_id, fee, currency, token } = JSON.parse(sessionStorage.getItem('sekali:demo'));
      paymentService.configure({ getToken: () => token });
      </script>
      <template>
        <PaymentModal :consultation-id="consultation_id" :amount="Number(fee)" :currency="currency" />
      </template>`,
    'vite.config.js': `import vue from '@vitejs/plugin-vue';
      export default { base: '/klinik/', plugins: [vue()] };`,
    'pay.js': `import paymentService from '@sekali/client';
      const [baseUrl, token, consultationId, amount] = process.argv.slice(2);
      paymentService.configure({ baseUrl, getToken: () => token });
      const request = { consultationId: Number(consultationId), amount, paymentMethod: 'stripe' };
      const results = [];
      for (let press = 0; press < 2; press++) results.push(await paymentService.createPayment(request));
      console.log(JSON.stringify(results));`,
  };

  beforeAll(async () => {
    await freshProject(packed, FILES);
    await run(packed.folder, 'npx', '--no-install', 'vite', 'build', '--logLevel', 'warn');
  }, 300_000);

  test('that has installed the packages and built them in pays', async () => {
    const demo = await Demo.open(stack);
    const { page } = demo;
    const ledger = await Ledger.of(demo);
    await serveBuilt(demo, join(packed.folder, 'dist'));
    await page.goto(`${demo.origin}/klinik/`);
    await page.getByRole('dialog', { name: 'Konfirmasi Pembayaran' }).waitFor();
    await demo.payButton().click();
    await demo.message('success');
    await arriveAtHostedPage(page);
    await payWithCard(page, GOOD);
    const { payment } = await ledger.onlyPayment();
    await arriveAtCallback(page, payment.id);
    await ledger.settlesAs(payment.id, 'completed');
  });

  test('the client pays in Node.js too', async () => {
    const demo = await Demo.open(stack);
    const { consultation_id, fee, token } = await demo.consultation();
    const args = ['pay.js', demo.origin, token, String(consultation_id), fee];
    const printed = await run(packed.folder, process.execPath, ...args);
    const results = JSON.parse(printed) as { status: number; key: string }[];
    expect(results.map(({ status }) => status)).toEqual([201, 409]);
    expect(new Set(results.map(({ key }) => key)).size).toBe(1);
    await (await Ledger.of(demo)).onlyPayment();
  });
});

const TYPES: Record<string, string> = { html: 'text/html', js: 'text/javascript', css: 'text/css' };

/** The project's pages on the service's own origin, below `/klinik/`. */
async function serveBuilt({ page, origin }: Demo, dist: string): Promise<void> {
  for (const file of await readdir(dist, { recursive: true, withFileTypes: true })) {
    if (!file.isFile()) continue;
    const path = join(file.parentPath, file.name);
    const name = path.slice(dist.length + 1).replaceAll('\\', '/');
    const contentType = TYPES[name.split('.').at(-1) ?? ''] ?? 'application/octet-stream';
    const address = name === 'index.html' ? '' : name;
    await page.route(`${origin}/klinik/${address}`, (route) =>
      route.fulfill({ path, contentType }),
    );
  }
}
