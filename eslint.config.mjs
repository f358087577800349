import js from '@eslint/js'
import vue from 'eslint-plugin-vue'
import globals from 'globals'
import ts from 'typescript-eslint'

/** Folders of the house that a room may not import, as patterns on relative import paths. */
const mayNotImport = (...rooms) => ({
  'no-restricted-imports': [
    'error',
    { patterns: rooms.map((room) => ({ regex: room, message: 'Imports run one way; see docs/ARCHITECTURE.md.' })) },
  ],
})
const room = (name) => `(^|\\.\\./|electron/)${name}/`
const electron = '^electron($|/)'

export default ts.config(
  { ignores: ['node_modules', 'out', 'dist', '.cache', 'test-results'] },
  js.configs.recommended,
  ...ts.configs.strict,
  ...ts.configs.stylistic,
  ...vue.configs['flat/recommended'],
  {
    files: ['**/*.{ts,vue}'],
    languageOptions: { parserOptions: { parser: ts.parser } },
    rules: {
      '@typescript-eslint/consistent-type-definitions': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-dynamic-delete': 'off',
      'no-undef': 'off',
    },
  },
  {
    files: ['**/*.vue'],
    rules: {
      'vue/max-attributes-per-line': 'off',
      'vue/singleline-html-element-content-newline': 'off',
      'vue/html-self-closing': 'off',
      'vue/html-indent': 'off',
      'vue/html-closing-bracket-newline': 'off',
      'vue/multi-word-component-names': 'off',
    },
  },
  { files: ['**/*.{mjs,js}'], languageOptions: { globals: globals.node } },
  { files: ['shared/**'], rules: mayNotImport(room('electron'), room('renderer'), electron) },
  {
    files: ['renderer/**'],
    // The one exception: the type of the bridge that preload exposes.
    rules: mayNotImport(room('engine'), room('machine'), room('cli'), room('main'), electron, '^node:'),
  },
  {
    files: ['electron/main/**', 'electron/preload/**'],
    rules: mayNotImport(room('engine'), room('machine'), room('cli'), room('renderer')),
  },
  { files: ['electron/engine/**'], rules: mayNotImport(room('main'), room('cli'), room('renderer'), electron) },
  {
    files: ['electron/machine/**'],
    rules: mayNotImport(room('engine'), room('main'), room('cli'), room('renderer'), electron),
  },
  {
    files: ['electron/cli/**'],
    rules: mayNotImport(room('engine'), room('machine'), room('main'), room('renderer'), electron),
  },
)
