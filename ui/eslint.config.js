import js from '@eslint/js'
import hooks from 'eslint-plugin-react-hooks'
import tseslint from 'typescript-eslint'

// Arrows point from the page's frame to its features to what they share. A type alone may be named from anywhere.
const FEATURES = ['connection', 'deliveries', 'map', 'notices', 'run', 'start', 'vehicle', 'views']
const SHARED = ['api', 'common', 'format', 'i18n', 'live', 'theme', 'url']
const mayNotImport = (rooms, message) => ({
  '@typescript-eslint/no-restricted-imports': ['error', { patterns: [{ group: rooms.map((room) => `**/${room}/*`), message, allowTypeImports: true }] }],
})

export default tseslint.config(
  { ignores: ['dist', 'src/api/schema.d.ts'] },
  {
    files: ['src/**/*.{ts,tsx}', 'vite.config.ts'],
    extends: [js.configs.recommended, ...tseslint.configs.recommendedTypeChecked],
    plugins: { 'react-hooks': hooks },
    languageOptions: { parserOptions: { project: './tsconfig.json', tsconfigRootDir: import.meta.dirname } },
    rules: {
      'react-hooks/rules-of-hooks': 'error',
      'react-hooks/exhaustive-deps': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
      eqeqeq: 'error',
      'no-console': 'error',
    },
  },
  {
    files: [`src/{${FEATURES.join()}}/**/*.{ts,tsx}`],
    rules: mayNotImport(['shell'], 'A feature does not know the frame around it.'),
  },
  {
    files: [`src/{${SHARED.join()}}/**/*.{ts,tsx}`],
    ignores: ['**/*.test.*'],
    rules: mayNotImport(['shell', ...FEATURES], 'What the features share does not know them.'),
  },
  {
    files: ['e2e/**/*.mjs', 'eslint.config.js'],
    extends: [js.configs.recommended],
    languageOptions: { globals: { process: 'readonly', console: 'readonly', Buffer: 'readonly', window: 'readonly', document: 'readonly', setTimeout: 'readonly', URL: 'readonly', performance: 'readonly', MutationObserver: 'readonly', Image: 'readonly', OffscreenCanvas: 'readonly', getComputedStyle: 'readonly' } },
  },
)
