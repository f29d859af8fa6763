import { plainLine } from '../model/plainText.ts';

const GAP = '  ';

/** Rows under their header in aligned columns, two spaces apart, without trailing spaces. Missing cells are empty. */
export function tableLines(header: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const table = [header, ...rows].map((row) => row.map(plainLine));
  const widths: number[] = [];
  for (const row of table) row.forEach((cell, column) => (widths[column] = Math.max(widths[column] ?? 0, cell.length)));
  return table.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join(GAP)
      .trimEnd(),
  );
}
