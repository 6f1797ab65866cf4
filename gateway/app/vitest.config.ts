// SPDX-License-Identifier: Apache-2.0
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { metrics } from './metrics.mjs';

const root = fileURLToPath(new URL('../../', import.meta.url));

export default defineConfig({
  root,
  plugins: [metrics()],
  server: { fs: { allow: [root] } },
  // A test's time is an upper bound: none counts on the machine's speed.
  test: { include: ['tests/app/unit/*.test.ts'], environment: 'node', testTimeout: 180_000 },
});
