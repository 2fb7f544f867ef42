/**
 * What sprig has and templates here have not, each with its reason, so that a template that was
 * written for promtail says at once why it does not parse.
 */

import { refuse } from '../function.ts';
import type { TemplateFunction } from '../value.ts';

const random = 'it gives another text for the same line each time';
const environment = "it reads the environment, which holds the driver's secrets";
const keys = 'it makes or uses keys and passwords, which have no place in a log line';

const reasons: Record<string, readonly string[]> = {
  [random]: [
    ...['randAlphaNum', 'randAlpha', 'randAscii', 'randNumeric', 'randInt', 'randBytes'],
    ...['shuffle', 'uuidv4'],
  ],
  [environment]: ['env', 'expandenv'],
  [keys]: [
    ...['bcrypt', 'htpasswd', 'derivePassword', 'encryptAES', 'decryptAES', 'genPrivateKey'],
    ...['buildCustomCert', 'genCA', 'genCAWithKey', 'genSelfSignedCert', 'genSignedCert'],
    ...['genSelfSignedCertWithKey', 'genSignedCertWithKey'],
  ],
  'it asks the network for every line': ['getHostByName'],
  'versions are not compared here': ['semver', 'semverCompare'],
  'URLs are not taken apart here': ['urlParse', 'urlJoin'],
};

/** Functions that no template may use. */
export const leftOutFunctions: readonly (readonly [string, TemplateFunction])[] = Object.entries(
  reasons,
).flatMap(([reason, names]) =>
  names.map((name): readonly [string, TemplateFunction] => [name, refuse(reason)]),
);
