// SPDX-License-Identifier: Apache-2.0
// Who may log in: rpc users, proven like every payload.
import { isName } from './payload';

export const ROLES = ['farmer', 'technician', 'screen'] as const;
export type Role = (typeof ROLES)[number];

export interface User {
  name: string;
  role: Role;
}

const LIST_MAX = 500;

export function parseUsers(raw: Record<string, unknown> | undefined): User[] {
  const list = Array.isArray(raw?.users) ? (raw.users as unknown[]).slice(0, LIST_MAX) : [];
  return list.flatMap((one) => {
    const { name, role } = (one ?? {}) as { name?: unknown; role?: unknown };
    const known = ROLES.find((r) => r === role);
    return isName(name) && known ? [{ name, role: known }] : [];
  });
}
