import { fileURLToPath } from 'node:url';
import vue from '@vitejs/plugin-vue';
import { defineConfig } from 'vitest/config';

const source = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  plugins: [vue()],
  // The sources, not a build that may be old.
  resolve: {
    alias: {
      '@sekali/client': source('packages/client/src/index.ts'),
      '@sekali/vue': source('packages/vue/src/index.ts'),
    },
  },
  test: {
    environment: 'happy-dom',
    include: ['packages/*/test/**/*.test.ts', 'apps/*/test/**/*.test.ts'],
    restoreMocks: true,
    unstubGlobals: true,
  },
});
