/** Rows of the table that `make bench` prints, and numbers as they stand there. */

/** Prints one row. */
export function row(what: string, measured: string, goal = ''): void {
  console.log(`| ${what.padEnd(58)} | ${measured.padEnd(38)} | ${goal.padEnd(26)} |`);
}

/** A whole number with commas; what is missing is NaN. */
export const whole = (value: number | undefined): string =>
  Math.round(value ?? Number.NaN).toLocaleString('en');

/** A number with so many digits behind the point; what is missing is NaN. */
export const fixed = (value: number | undefined, digits: number): string =>
  (value ?? Number.NaN).toFixed(digits);
