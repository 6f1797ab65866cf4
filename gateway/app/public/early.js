// SPDX-License-Identifier: Apache-2.0
// Runs while the app itself is still on its way: who is remembered on this phone gets the connection
// opened already, which on a mobile network takes longer than the app's code.
(function () {
  try {
    var login = JSON.parse(localStorage.getItem('baiye.login'));
    if (window.baiyeSocket !== undefined || !login || typeof login.url !== 'string') return;
    window.baiyeSocket = { url: login.url, socket: new WebSocket(login.url, ['mqtt']) };
  } catch (e) {
    // Nobody remembered, or nothing to remember with: the app connects when it knows where to.
  }
})();
