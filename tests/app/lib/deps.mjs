// SPDX-License-Identifier: Apache-2.0
// The npm packages of the tests are the app's own; this file is the only one that knows where.
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';

export const root = fileURLToPath(new URL('../../../', import.meta.url));
export const appFolder = `${root}gateway/app/`;

const require = createRequire(`${appFolder}package.json`);
export const { chromium } = require('playwright-core');
export const { WebSocketServer } = require('ws');
export const acorn = require('acorn');
export const axeSource = require('axe-core').source;
const { MQTTClient } = await import(pathToFileURL(`${appFolder}node_modules/u8-mqtt/esm/node/basic-v5.js`));
export const { default: encodeQr } = await import(pathToFileURL(`${appFolder}node_modules/qr/index.js`));
export const mqttClient = (options) => new MQTTClient(options);
