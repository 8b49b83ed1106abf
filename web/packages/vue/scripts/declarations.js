// vue-tsc writes `./PaymentModal.vue` for what lies in PaymentModal.vue.d.ts. Bundlers' resolution finds that,
// Node's does not: with `.js` both do.
import { readdir, readFile, writeFile } from 'node:fs/promises';

const dist = new URL('../dist/', import.meta.url);

for (const name of await readdir(dist)) {
  if (!name.endsWith('.d.ts')) continue;
  const file = new URL(name, dist);
  const text = await readFile(file, 'utf8');
  await writeFile(file, text.replaceAll(/(['"]\.\/\w+\.vue)(['"])/g, '$1.js$2'));
}
