// SPDX-License-Identifier: Apache-2.0
// All tests of the app: units under vitest, then pages in a real browser. Builds the app when its
// built files are missing. Ends with "N passed, N failed". Arguments: words that a test's name must hold.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from 'node:test';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));
const app = join(here, '../../gateway/app');
const words = process.argv.slice(2);
let [passed, failed] = [0, 0];

function need(what, command, ...argv) {
  const done = spawnSync(command, argv, { cwd: app, stdio: 'inherit' });
  if (done.status === 0) return;
  console.log(`${what} failed\n0 passed, 1 failed`);
  process.exit(1);
}

if (!existsSync(join(app, 'node_modules'))) need('npm ci', 'npm', 'ci');
if (!['dist', 'dist-county'].every((f) => existsSync(join(app, f, 'index.html')))) need('the build', 'npm', 'run', 'build');

if (words.length === 0) {
  const folder = mkdtempSync(join(tmpdir(), 'baiye-unit-'));
  const report = join(folder, 'unit.json');
  spawnSync('npx', ['vitest', 'run', '--reporter=json', '--reporter=default', `--outputFile.json=${report}`],
    { cwd: app, stdio: 'inherit' });
  const result = existsSync(report) ? JSON.parse(readFileSync(report, 'utf8')) : { numFailedTests: 1 };
  passed += result.numPassedTests ?? 0;
  failed += (result.numFailedTests ?? 0) + (result.success === false && !result.numFailedTests ? 1 : 0);
  rmSync(folder, { recursive: true, force: true });
}

const files = readdirSync(here).filter((f) => f.endsWith('.test.mjs')).map((f) => join(here, f)).sort();

// Runs the tests whose names match; counts those that pass, gives the names of those that fail.
async function runAll(patterns) {
  const failures = [];
  await new Promise((resolve) => {
    const pattern = patterns.length > 0 ? { testNamePatterns: patterns } : {};
    // Two files at a time, each with its own browser, broker and folder: a page mostly waits.
    const tests = run({ files, concurrency: 2, ...pattern });
    // A file is itself a test of the runner; what counts is what stands in it.
    const counts = (e) => !e.name.endsWith('.test.mjs') && e.details?.type !== 'suite' && e.skip === undefined;
    tests.on('test:pass', (e) => {
      if (!counts(e)) return;
      passed += 1;
      console.log(`ok     ${e.name} (${Math.round(e.details.duration_ms)} ms)`);
    });
    tests.on('test:fail', (e) => {
      if (e.details?.error?.failureType === 'subtestsFailed') return; // those are counted themselves
      failures.push(e.name);
      console.log(`FAILED ${e.name}\n${e.details?.error?.cause?.stack ?? e.details?.error}`);
    });
    tests.on('test:stderr', (e) => process.stderr.write(e.message));
    tests.on('test:stdout', (e) => process.stdout.write(e.message));
    tests.on('end', resolve);
    tests.resume();
  });
  return failures;
}

const failures = await runAll(words.map((w) => new RegExp(w)));
failed += failures.length;
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
