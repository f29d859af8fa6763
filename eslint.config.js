import tseslint from 'typescript-eslint';

/** One package, one door (DESIGN section 3): the folder that may import each runtime dependency. */
const DOORS = {
  ssh2: ['src/ssh/'],
  'node-forge': ['src/pki/'],
  handlebars: ['src/desired/'],
  'js-yaml': ['src/inventory/', 'src/pki/', 'src/desired/'],
  listr2: ['src/ui/'],
  yargs: ['src/cli.ts'],
  'p-limit': ['src/engine/'],
  zod: ['src/inventory/'],
  'smol-toml': ['src/desired/'],
  'ssh-config': ['src/ssh/'],
  'tar-stream': ['src/remote/', 'src/cache/', 'src/pki/'],
  'age-encryption': ['src/pki/'],
  '@aws-sdk/client-s3': ['src/etcd/'],
};

const PURE = ['model', 'catalog', 'desired', 'plan', 'remote'];
/** What each folder may import of the others, along `cli -> commands -> etcd -> engine -> plan, desired, remote, pki -> catalog -> model`. */
const MAY_IMPORT = {
  model: [],
  catalog: ['model'],
  inventory: ['model', 'catalog'],
  desired: ['model', 'catalog'],
  pki: ['model', 'catalog'],
  plan: ['model', 'catalog'],
  remote: ['model', 'catalog'],
  cache: ['model', 'catalog'],
  ssh: ['model', 'catalog', 'remote'],
  engine: ['model', 'catalog', 'desired', 'pki', 'plan', 'remote'],
  etcd: ['model', 'catalog', 'desired', 'pki', 'plan', 'remote', 'engine'],
  ui: ['model', 'catalog'],
  commands: [
    'model',
    'catalog',
    'inventory',
    'desired',
    'pki',
    'plan',
    'remote',
    'cache',
    'ssh',
    'engine',
    'etcd',
    'ui',
  ],
};

const folders = Object.keys(MAY_IMPORT);
const packagesClosedTo = (folder) =>
  Object.entries(DOORS)
    .filter(([, doors]) => !doors.some((door) => `src/${folder}/`.startsWith(door)))
    .map(([name]) => ({ name, message: `${name} has one door: ${DOORS[name].join(', ')}.` }));
const effects = [
  'node:fs',
  'node:fs/promises',
  'node:child_process',
  'node:net',
  'node:tls',
  'node:http',
  'node:os',
].map((name) => ({
  name,
  message: 'This folder is pure: the world is handed in as data.',
}));

const perFolder = folders.map((folder) => ({
  files: [`src/${folder}/**/*.ts`],
  rules: {
    'no-restricted-imports': [
      'error',
      {
        paths: [...packagesClosedTo(folder), ...(PURE.includes(folder) ? effects : [])],
        patterns: folders
          .filter((other) => other !== folder && !MAY_IMPORT[folder].includes(other))
          .map((other) => ({ group: [`**/${other}/*`], message: `${folder} does not import ${other} (docs/map.md).` })),
      },
    ],
    ...(PURE.includes(folder)
      ? {
          'no-restricted-globals': ['error', { name: 'process', message: 'This folder reads no environment.' }],
          'no-restricted-syntax': [
            'error',
            {
              selector: "CallExpression[callee.object.name='Date'][callee.property.name='now']",
              message: 'This folder reads no clock.',
            },
            {
              selector: "NewExpression[callee.name='Date'][arguments.length=0]",
              message: 'This folder reads no clock.',
            },
          ],
        }
      : {}),
  },
}));

export default tseslint.config(
  { ignores: ['dist/', 'node_modules/', 'test/lab/'] },
  {
    files: ['src/**/*.ts', 'test/**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true } },
  },
  {
    files: ['src/**/*.ts', 'test/**/*.ts'],
    rules: {
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/no-confusing-void-expression': 'off',
      '@typescript-eslint/no-non-null-assertion': 'error',
      '@typescript-eslint/consistent-type-definitions': 'off',
      '@typescript-eslint/unified-signatures': 'off',
      eqeqeq: 'error',
      'no-control-regex': 'off',
    },
  },
  {
    files: ['test/**/*.ts'],
    rules: {
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-floating-promises': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/require-await': 'off',
    },
  },
  ...perFolder,
);
