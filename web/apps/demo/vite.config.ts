import vue from '@vitejs/plugin-vue';
import { defineConfig } from 'vite';

// `npm run dev` shows the sources live and hands everything else to a running Sekali.
const service = process.env['SEKALI_PUBLIC_URL'] ?? 'http://127.0.0.1:8080';
const served = ['/api', '/demo', '/payment', '/stripe-simulator'];

export default defineConfig({
  plugins: [vue()],
  build: {
    target: 'es2022',
    outDir: '../../dist',
    emptyOutDir: true,
    // The page's policy allows nothing inline, and a data: address is inline.
    assetsInlineLimit: 0,
  },
  server: { proxy: Object.fromEntries(served.map((path) => [path, service])) },
});
