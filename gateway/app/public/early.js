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

// Below Chrome 80 and iOS 13 the app's code means nothing to the browser, and the page would stay blank.
(function () {
  var old = typeof Promise !== 'function' || typeof PointerEvent !== 'function' || typeof globalThis !== 'object' || !Promise.allSettled || !String.prototype.matchAll;
  function say(zh, en) {
    var page = document.getElementById('app');
    if (!page) return;
    var plain = document.createElement('main');
    [['zh-CN', zh], ['en', en]].forEach(function (words) {
      var line = document.createElement('p');
      line.lang = words[0];
      line.appendChild(document.createTextNode(words[1]));
      plain.appendChild(line);
    });
    page.parentNode.replaceChild(plain, page); // what may still start finds no place to draw
  }
  function look() {
    var page = document.getElementById('app');
    if (old) {
      say('这个浏览器太旧，打不开茶园。请更新手机的浏览器（Chrome 80、iOS 13 或更新），或换一台手机。',
        'This browser is too old. Please update it (Chrome 80, iOS 13 or later), or take another phone.');
    } else if (page && !page.firstChild) {
      say('页面没有打开。请检查网络后刷新；一直这样请更新浏览器。',
        'The page did not start. Check the network and load it again; if it stays so, update the browser.');
    }
  }
  // By then the app has drawn something, if it ever will: its code counts for the page's load.
  if (document.readyState === 'complete') look();
  else addEventListener('load', look);
})();
