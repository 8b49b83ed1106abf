import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const execute = promisify(execFile);
const WEB = fileURLToPath(new URL('../../', import.meta.url));

export const PACKAGES = ['@sekali/client', '@sekali/vue'] as const;

type Name = (typeof PACKAGES)[number];

/** The packages as npm would publish them, in a folder outside the repository. */
export interface Packed {
  folder: string;
  tarballs: Record<Name, string>;
  remove: () => Promise<void>;
}

/** What npm tells the scripts that it runs is not meant for another npm in another folder. */
const environment = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^npm_(?!config_(registry|cache)$)/.test(name)),
);

/** Runs a program in a folder; what it prints is told if it fails. */
export async function run(cwd: string, program: string, ...args: string[]): Promise<string> {
  try {
    return (await execute(program, args, { cwd, env: environment })).stdout;
  } catch (error) {
    const { stdout, stderr } = error as { stdout?: string; stderr?: string };
    throw new Error(`${program} ${args.join(' ')}:\n${stdout ?? ''}\n${stderr ?? ''}`, {
      cause: error,
    });
  }
}

/** `npm pack`, of what `npm run build` has made. */
export async function pack(): Promise<Packed> {
  const folder = await mkdtemp(join(tmpdir(), 'sekali-packed-'));
  const workspaces = PACKAGES.flatMap((name) => ['-w', name]);
  const listed = await run(
    WEB,
    'npm',
    'pack',
    '--json',
    '--pack-destination',
    folder,
    ...workspaces,
  );
  const packed = Object.values(JSON.parse(listed) as { name: Name; filename: string }[]);
  const tarballs = Object.fromEntries(
    packed.map(({ name, filename }) => [name, join(folder, filename)]),
  ) as Record<Name, string>;
  return { folder, tarballs, remove: () => rm(folder, { recursive: true, force: true }) };
}

/** A fresh Vite + Vue project that installs the tarballs; everything else comes from npm's cache or registry. */
export async function freshProject({ folder, tarballs }: Packed, files: Record<string, string>) {
  const manifest = {
    private: true,
    type: 'module',
    dependencies: {
      ...Object.fromEntries(PACKAGES.map((name) => [name, `file:${tarballs[name]}`])),
      vue: await versionOf('vue'),
    },
    devDependencies: {
      '@vitejs/plugin-vue': await versionOf('@vitejs/plugin-vue'),
      vite: await versionOf('vite'),
    },
  };
  const all = { ...files, 'package.json': JSON.stringify(manifest) };
  for (const [name, text] of Object.entries(all)) await writeFile(join(folder, name), text);
  await run(folder, 'npm', 'install', '--prefer-offline', '--no-audit', '--no-fund');
}

/** The version that this workspace has, so that nothing newer has to be fetched. */
async function versionOf(name: string): Promise<string> {
  const entry = createRequire(import.meta.url).resolve(name);
  for (let folder = dirname(entry); folder !== dirname(folder); folder = dirname(folder)) {
    const manifest = await readManifest(join(folder, 'package.json'));
    if (manifest?.name === name && manifest.version !== undefined) return manifest.version;
  }
  throw new Error(`${name} is not installed`);
}

async function readManifest(file: string) {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as { name?: string; version?: string };
  } catch {
    return undefined;
  }
}
