// SPDX-License-Identifier: Apache-2.0
// The gateway serves NAME.gz beside NAME to browsers that take gzip; it compresses nothing itself.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { constants, gzipSync } from 'node:zlib';

const built = ['dist', 'dist-county'].flatMap((folder) => readdirSync(folder, { recursive: true, withFileTypes: true }));
for (const entry of built) {
  if (!entry.isFile() || !/\.(js|css|html|svg|webmanifest)$/.test(entry.name)) continue;
  const name = join(entry.parentPath ?? entry.path, entry.name);
  const plain = readFileSync(name);
  const packed = gzipSync(plain, { level: constants.Z_BEST_COMPRESSION });
  if (packed.length < plain.length) writeFileSync(`${name}.gz`, packed);
}
