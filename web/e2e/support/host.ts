import { fileURLToPath } from 'node:url';
import vue from '@vitejs/plugin-vue';
import { build } from 'vite';
import type { Demo } from './demo.js';

/** What a host's own build makes of an entry of `e2e/hosts`, with the packages as they are built. */
export interface Bundle {
  script: string;
  styles: string;
}

export async function bundleHost(entry: string): Promise<Bundle> {
  const output = await build({
    configFile: false,
    logLevel: 'error',
    plugins: [vue()],
    define: { 'process.env.NODE_ENV': '"production"' },
    build: {
      write: false,
      lib: {
        entry: fileURLToPath(new URL(`../hosts/${entry}`, import.meta.url)),
        formats: ['es'],
      },
    },
  });
  const files = Array.isArray(output) ? output.flatMap((one) => one.output) : [];
  const script = files.flatMap((file) => (file.type === 'chunk' ? [file.code] : [])).join('');
  const styles = files.flatMap((file) => (file.type === 'asset' ? [String(file.source)] : []));
  if (script === '') throw new Error(`${entry} was not bundled`);
  return { script, styles: styles.join('') };
}

/** Opens the host's page on the service's own origin, for the consultation of the demo page; `query` is for the host. */
export async function openHost({ page, origin }: Demo, bundle: Bundle, query = ''): Promise<void> {
  const files: Record<string, { contentType: string; body: string }> = {
    '/host': {
      contentType: 'text/html',
      body: `<!doctype html><html lang="id"><meta charset="utf-8"><title>Host</title>
        <meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">
        <link rel="stylesheet" href="/host.css">
        <div id="app"></div><script type="module" src="/host.js"></script></html>`,
    },
    '/host.css': { contentType: 'text/css', body: bundle.styles },
    '/host.js': { contentType: 'text/javascript', body: bundle.script },
  };
  for (const [path, file] of Object.entries(files)) {
    const search = path === '/host' ? query : '';
    await page.route(origin + path + search, (route) => route.fulfill(file));
  }
  await page.goto(`${origin}/host${query}`);
}
