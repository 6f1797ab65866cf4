// SPDX-License-Identifier: Apache-2.0
// Why a connection failed, so that somebody who stands in the rain with a phone looks at the right
// thing: the phone's own network, the box in the shed, or what runs in it. A browser does not tell;
// the gateway that serves this page answers /alive to anybody, whether its broker lives or not.
import type { Obstacle } from '../model/state';

const ANSWER_MS = 5000;

/** Only a gateway that serves this very page may be asked: the page's policy allows no other. */
function ownGateway(url: string): boolean {
  return url.replace(/^ws/, 'http') === `${location.origin}/mqtt`;
}

export async function obstacle(url: string): Promise<Obstacle> {
  if (!navigator.onLine) return 'network';
  if (!ownGateway(url)) return 'unknown';
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), ANSWER_MS);
  try {
    const answer = await fetch('/alive', { cache: 'no-store', signal: stop.signal });
    return /^(alive|stuck)\s*$/.test(await answer.text()) ? 'broker' : 'unknown';
  } catch {
    return navigator.onLine ? 'gateway' : 'network';
  } finally {
    clearTimeout(timer);
  }
}
