import { expect, test } from '@jest/globals';
import { tableLines } from '../../../src/ui/table.ts';

test('columns are as wide as their widest cell, and lines have no trailing spaces', () => {
  expect(
    tableLines(['HOST', 'NODE', 'OS'], [['cp-1', 'Ready v1.36.0', 'debian 12'], ['worker-0001', '-', ''], ['w']]),
  ).toEqual(['HOST         NODE           OS', 'cp-1         Ready v1.36.0  debian 12', 'worker-0001  -', 'w']);
});

test('a cell of several lines or with escapes stays a cell', () => {
  expect(tableLines(['A', 'B'], [['x\ny\x1b[1m', 'z']])).toEqual(['A    B', 'x y  z']);
});

test('a table without rows is its header', () => {
  expect(tableLines(['A', 'B'], [])).toEqual(['A  B']);
});
