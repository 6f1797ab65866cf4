// SPDX-License-Identifier: Apache-2.0
/** Whether a map has that name itself. Object.hasOwn is younger than the phones. */
export const has = (map: object, name: string): boolean => Object.prototype.hasOwnProperty.call(map, name);
