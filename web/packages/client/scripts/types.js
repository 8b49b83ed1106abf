// The client's types, out of the service's OpenAPI document: src/api.ts.
//
//   npm run types:api -w @sekali/client -- http://127.0.0.1:8080/openapi.json
//
// The document may be a file as well. With --check nothing is written, and it fails if something would
// be; a browser test does that with the document of the running service.
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import openapiTs, { astToString } from 'openapi-typescript';
import { format, resolveConfig } from 'prettier';

/** What the client asks; the rest of the service may change without changing the client. */
const ASKED = { '/api/v1/payments': ['get', 'post'] };

const FILE = fileURLToPath(new URL('../src/api.ts', import.meta.url));
const HEAD = `// Generated from the service's OpenAPI document by scripts/types.js; do not edit.
`;

/** The types of what goes to and comes from the operations that the client uses. */
async function typesOf({ openapi, info, paths, components }) {
  const asked = Object.entries(ASKED).map(([path, methods]) => pick(paths[path], methods));
  const schemas = referred(components.schemas, asked);
  const ast = await openapiTs({ openapi, info, paths: {}, components: { schemas } });
  const style = await resolveConfig(FILE);
  return format(HEAD + astToString(ast), { ...style, filepath: FILE });
}

/** The schemas that are referred to, by what is referred to as well. */
function referred(schemas, root) {
  const found = new Set();
  const queue = [root];
  for (let node = queue.pop(); node !== undefined; node = queue.pop()) {
    for (const [, name] of JSON.stringify(node).matchAll(/#\/components\/schemas\/(\w+)/g)) {
      if (!found.has(name)) queue.push(schemas[name]);
      found.add(name);
    }
  }
  return pick(schemas, [...found].sort());
}

function pick(whole, names) {
  return Object.fromEntries(names.map((name) => [name, whole[name]]));
}

async function read(address) {
  if (!/^https?:/.test(address)) return JSON.parse(await readFile(address, 'utf8'));
  const response = await fetch(address);
  if (!response.ok) throw new Error(`${address} answers ${response.status}`);
  return response.json();
}

const [address, option] = process.argv.slice(2);
if (address === undefined) throw new Error('Name the OpenAPI document: an address or a file');
const types = await typesOf(await read(address));
if (option !== '--check') {
  await writeFile(FILE, types);
} else if (types !== (await readFile(FILE, 'utf8'))) {
  throw new Error('src/api.ts is not what the document says: run npm run types:api');
}
