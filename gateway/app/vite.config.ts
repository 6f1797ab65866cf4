// SPDX-License-Identifier: Apache-2.0
import { defineConfig } from 'vite';
import { VitePWA } from 'vite-plugin-pwa';
import info from './package.json' with { type: 'json' };
import { metrics } from './metrics.mjs';

export default defineConfig({
  base: './', // served by the gateway at / or as static files anywhere
  define: { __VERSION__: JSON.stringify(info.version) },
  build: {
    target: ['chrome80', 'safari13'], // public/early.js says so to older ones
    sourcemap: false,
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0, // the page's own policy forbids nothing less than files
  },
  plugins: [
    metrics(),
    VitePWA({
      injectRegister: null, // main.tsx does it, after the first values are on screen
      registerType: 'autoUpdate',
      manifest: {
        name: '白叶茶园 Baiye',
        short_name: '白叶',
        description: '茶园监测 · tea garden monitoring',
        lang: 'zh-CN',
        start_url: './',
        scope: './',
        display: 'standalone',
        background_color: '#ffffff',
        theme_color: '#0b5d3b',
        icons: [
          { src: 'icon-192.png', sizes: '192x192', type: 'image/png' },
          { src: 'icon-512.png', sizes: '512x512', type: 'image/png' },
          { src: 'icon-512.png', sizes: '512x512', type: 'image/png', purpose: 'maskable' },
          { src: 'icon.svg', sizes: 'any', type: 'image/svg+xml' },
        ],
      },
      workbox: {
        globPatterns: ['**/*.{html,js,css,svg,png,webmanifest}'],
        globIgnores: ['assets/code-*'], // for technicians, who are at the gateway then
        navigateFallback: 'index.html',
        // The page itself only: the gateway has other addresses for a browser, such as /metrics.
        navigateFallbackAllowlist: [/\/(index\.html)?(\?.*)?$/],
        cleanupOutdatedCaches: true,
        clientsClaim: true,
        skipWaiting: true,
      },
    }),
  ],
});
