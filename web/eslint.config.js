import i18n from '@intlify/eslint-plugin-vue-i18n';
import accessibility from 'eslint-plugin-vuejs-accessibility';
import vue from 'eslint-plugin-vue';
import globals from 'globals';
import typescript from 'typescript-eslint';

export default typescript.config(
  { ignores: ['dist/', 'node_modules/', 'src/api/schema.gen.ts', 'browser/'] },
  {
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    settings: { 'vue-i18n': { localeDir: ['./src/i18n/*.json', './src/i18n/admin/*.json'], messageSyntaxVersion: '^11.0.0' } },
  },
  ...typescript.configs.strict,
  ...vue.configs['flat/recommended'],
  ...accessibility.configs['flat/recommended'],
  ...i18n.configs['flat/recommended'],
  {
    files: ['**/*.{ts,vue}'],
    languageOptions: { globals: globals.browser, parserOptions: { parser: typescript.parser } },
    rules: {
      '@typescript-eslint/consistent-type-imports': 'error',
      // Every word that a visitor reads comes from src/i18n.
      '@intlify/vue-i18n/no-raw-text': ['error', { ignorePattern: '^[-–—/·×:()#¥\\s\\d%]+$', ignoreNodes: ['title'] }],
      '@intlify/vue-i18n/no-missing-keys': 'error',
      '@intlify/vue-i18n/no-missing-keys-in-other-locales': 'error',
      'vue/block-order': ['error', { order: ['script', 'template', 'style'] }],
      'vue/component-api-style': ['error', ['script-setup']],
      'vue/block-lang': ['error', { script: { lang: 'ts' } }],
      'vue/no-v-html': 'error',
      'vue/define-macros-order': 'error',
      // Layout is left to the reader's eye.
      'vue/max-attributes-per-line': 'off',
      'vue/singleline-html-element-content-newline': 'off',
      'vue/html-self-closing': ['warn', { html: { void: 'always' } }],
      'vue/html-closing-bracket-newline': 'off',
      'vue/html-indent': 'off',
      'vue/multi-word-component-names': 'off',
      // A label that wraps its control, or points at it, is a label.
      'vuejs-accessibility/label-has-for': ['error', { required: { some: ['nesting', 'id'] } }],
    },
  },
);
