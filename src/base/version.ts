/**
 * The version of the program, for user-agent headers and status pages.
 * It must never differ from package.json; a test compares the two.
 */

/** As in package.json. */
export const version = '0.1.0';
