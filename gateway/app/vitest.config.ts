// SPDX-License-Identifier: Apache-2.0
import { defineConfig } from 'vitest/config';

export default defineConfig({
  root: '../../',
  test: { include: ['tests/app/unit/*.test.ts'], environment: 'node' },
});
