// SPDX-License-Identifier: Apache-2.0
import { render } from 'preact';
import { chooseLang, setLang } from '../i18n';
import { get } from '../keep/setting';
import { applyTheme } from '../views/theme';
import 'uplot/dist/uPlot.min.css';
import '../style/base.css';
import '../style/map.css';
import '../style/plot.css';
import './county.css';
import { County } from './page';

setLang(chooseLang(get('baiye.lang'), navigator.languages));
applyTheme();
const root = document.getElementById('app');
if (root) render(<County />, root);
