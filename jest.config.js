import { accessSync, constants } from 'node:fs';

/** Stores are synced to the disk at every change: on a real one a test waits for whatever else the machine writes. */
const MEMORY = '/dev/shm';

function isWritable(path) {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

if (process.env.TMPDIR === undefined && isWritable(MEMORY)) process.env.TMPDIR = MEMORY;

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
  // By itself Jest leaves one processor idle, which is half of a small machine.
  maxWorkers: '100%',
  testSequencer: '<rootDir>/test/slowFirst.js',
  projects: [project('unit', ['unit', 'fake']), project('wire', ['wire']), project('machines', ['machines'])],
};
