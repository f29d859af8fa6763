const transform = {
  '^.+\\.ts$': ['@swc/jest', { jsc: { target: 'es2023', parser: { syntax: 'typescript' } }, module: { type: 'es6' } }],
};

const project = (displayName, folders) => ({
  displayName,
  transform,
  extensionsToTreatAsEsm: ['.ts'],
  testEnvironment: 'node',
  testMatch: folders.map((folder) => `<rootDir>/test/${folder}/**/*.test.ts`),
});

// unit: no root, no network. wire: real sshd on loopback. machines: the lab, as root.
export default {
  projects: [project('unit', ['unit', 'fake']), project('wire', ['wire']), project('machines', ['machines'])],
};
