// SPDX-License-Identifier: Apache-2.0
// The county's page, of the same parts: served by baiye-county, kept on no phone.
import { defineConfig } from 'vite';
import { metrics } from './metrics.mjs';

export default defineConfig({
  root: 'county',
  base: './',
  publicDir: false,
  build: {
    outDir: '../dist-county',
    emptyOutDir: true,
    target: ['chrome80', 'safari13'],
    sourcemap: false,
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
  },
  plugins: [metrics()],
});
