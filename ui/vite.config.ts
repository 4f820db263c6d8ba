import react from '@vitejs/plugin-react'
import { defineConfig } from 'vitest/config'

const server = process.env.CODE_DELIVERY_API ?? 'http://127.0.0.1:8000'
const proxied = ['/routes', '/deliveries', '/runs', '/views', '/health', '/config.json', '/basemap', '/openapi.json', '/metrics']

export default defineConfig({
  plugins: [react()],
  base: './',
  worker: { format: 'es' },
  build: {
    target: 'es2022',
    // The world's outline must stay a file of its own: it is fetched when the map asks for it, not parsed with the code.
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 1200,
  },
  server: {
    proxy: {
      ...Object.fromEntries(proxied.map((path) => [path, server])),
      '/ws': { target: server.replace(/^http/, 'ws'), ws: true },
    },
  },
  test: {
    environment: 'jsdom',
    include: ['src/**/*.test.{ts,tsx}'],
    restoreMocks: true,
  },
})
