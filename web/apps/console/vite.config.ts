import vue from '@vitejs/plugin-vue';
import { defineConfig } from 'vite';

// `npm run dev -w @sekali/console` shows the sources live and hands everything else to a running Sekali.
const service = process.env['SEKALI_PUBLIC_URL'] ?? 'http://127.0.0.1:8080';

export default defineConfig({
  plugins: [vue()],
  base: '/console/',
  // Every component here has <script setup>: Vue's older form of components stays out of the bundle.
  define: { __VUE_OPTIONS_API__: 'false' },
  build: {
    target: 'es2022',
    // Below the demo's folder, which is built first and empties it: the binary takes both in.
    outDir: '../../dist/console',
    emptyOutDir: true,
    // The page's policy allows nothing inline, and a data: address is inline.
    assetsInlineLimit: 0,
  },
  server: { proxy: { '/console/api': service } },
});
