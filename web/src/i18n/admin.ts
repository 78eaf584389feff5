import en from './admin/en.json';
import { i18n } from './index';
import ja from './admin/ja.json';

/** The console's words, which shoppers do not download: importing this file adds them. */
i18n.global.mergeLocaleMessage('ja', ja);
i18n.global.mergeLocaleMessage('en', en);
