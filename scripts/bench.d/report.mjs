// report.mjs ROWS [JSON]: prints a table of the measured rows (tab-separated, as runs.sh writes them), writes them as
// JSON with the machine named, and exits with 1 if a row missed what it should reach.
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';

const OPERATORS = { '<': (a, b) => a < b, '<=': (a, b) => a <= b, '>=': (a, b) => a >= b };
/** Reach of a row that is only quoted. */
const NONE = '-';

/** Median of the values; null when there is none or a run failed. */
function median(values) {
  if (values.length === 0 || values.includes(null)) return null;
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

const numbers = (text) =>
  text.split(' ').flatMap((word) => (word === '' ? [] : [word === 'failed' ? null : Number(word)]));

function parseRow(line) {
  const [name, unit, reach, ofKbin, ofHand] = line.split('\t');
  const kbin = numbers(ofKbin);
  const byHand = numbers(ofHand);
  const [own, other] = [median(kbin), median(byHand)];
  const ratio = own === null || other === null ? null : own / other;
  const isFailed = own === null || byHand.includes(null);
  const ok = reach === NONE ? !isFailed : isReached(reach, { ratio, kbin: own });
  return { name, unit, kbin, byHand, ratio, reach, ok };
}

function isReached(reach, values) {
  const [measured, operator, limit] = reach.split(' ');
  const value = values[measured];
  return value !== null && OPERATORS[operator](value, Number(limit));
}

const verdict = ({ reach, ok }) => (ok ? (reach === NONE ? '' : 'ok') : 'MISSED');

const rounded = (value) => (value === null ? '-' : String(Number(value.toPrecision(3))));
const withUnit = (values, unit) =>
  values.includes(null) ? 'failed' : values.length === 0 ? '' : `${rounded(median(values))} ${unit}`.trim();

function table(rows) {
  const cells = [
    ['measure', 'kbin', 'by hand', 'ratio', 'reach', ''],
    ...rows.map((row) => [
      row.name,
      withUnit(row.kbin, row.unit),
      withUnit(row.byHand, row.unit),
      row.ratio === null ? '' : row.ratio.toFixed(2),
      row.reach,
      verdict(row),
    ]),
  ];
  const widths = cells[0].map((_, column) => Math.max(...cells.map((line) => line[column].length)));
  return cells.map((line) =>
    line
      .map((cell, column) => cell.padEnd(widths[column]))
      .join('  ')
      .trimEnd(),
  );
}

const [rowsFile, jsonFile] = process.argv.slice(2);
const rows = readFileSync(rowsFile, 'utf8')
  .split('\n')
  .filter((line) => line !== '')
  .map(parseRow);
const machine = {
  cpu: cpus()[0]?.model.trim() ?? 'unknown',
  cores: cpus().length,
  memoryMiB: Math.round(totalmem() / 1048576),
  kernel: release(),
};
const text = [
  '',
  `${machine.cpu}, ${machine.cores} cores, ${Math.round(machine.memoryMiB / 1024)} GiB, Linux ${machine.kernel}; medians`,
  ...table(rows),
];
process.stdout.write(`${text.join('\n')}\n`);
if (jsonFile !== undefined) writeFileSync(jsonFile, `${JSON.stringify({ machine, rows }, null, 2)}\n`);
process.exitCode = rows.length > 0 && rows.every(({ ok }) => ok) ? 0 : 1;
