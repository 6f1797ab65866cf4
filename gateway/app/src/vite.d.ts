// SPDX-License-Identifier: Apache-2.0
declare const __VERSION__: string;
