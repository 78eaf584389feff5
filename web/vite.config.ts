import { fileURLToPath, URL } from 'node:url';
import vue from '@vitejs/plugin-vue';
import { defineConfig } from 'vitest/config';
import type { ProxyOptions } from 'vite';

/** Where `kessai up` listens; another place: `KESSAI_URL=http://127.0.0.1:4000 npm run dev`. */
const backend = process.env['KESSAI_URL'] ?? 'http://127.0.0.1:3000';

/** The API takes changes only from the shop's own origin, so the dev server passes itself off as it. */
function proxied(): ProxyOptions {
  return {
    target: backend,
    configure(proxy) {
      proxy.on('proxyReq', (request) => {
        if (request.getHeader('origin')) request.setHeader('origin', backend);
      });
    },
  };
}

export default defineConfig({
  plugins: [vue()],
  resolve: { alias: { '@': fileURLToPath(new URL('./src', import.meta.url)) } },
  server: {
    host: '127.0.0.1',
    port: 5173,
    proxy: {
      '/api': proxied(),
      '/auth': proxied(),
      '/dev': proxied(),
      '/sandbox': proxied(),
      '/ws': { target: backend, ws: true, rewriteWsOrigin: true },
    },
  },
  build: {
    target: 'es2022',
    // The site component serves a strict policy: files, never data: scripts or styles.
    assetsInlineLimit: 0,
  },
  define: {
    __VUE_OPTIONS_API__: false,
    __VUE_I18N_LEGACY_API__: false,
    __INTLIFY_PROD_DEVTOOLS__: false,
  },
  test: {
    environment: 'jsdom',
    include: ['src/**/*.test.ts'],
    restoreMocks: true,
    unstubGlobals: true,
  },
});
