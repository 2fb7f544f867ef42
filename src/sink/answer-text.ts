/**
 * Makes the text of a stranger fit for our own log: on one line, short, and
 * without the credentials that a server may echo. It must never let a secret
 * through, not even one that the cut has halved.
 */

/** The longest piece of an answer in a reason, in characters. */
export const answerTextMax = 512;

// Shorter runs of base64 or hex would be found where no secret is.
const encodedLengthMin = 8;

/** Turns the beginning of a body into text; `cut` says that the body went on. */
export type AnswerText = (body: Buffer, cut: boolean) => string;

/** Makes the filter for one endpoint; `secrets` are the exact texts to take out. */
export function createAnswerText(secrets: readonly string[]): AnswerText {
  const forms = [...new Set(secrets.filter((secret) => secret !== '').flatMap(formsOf))]
    // Longest first: one secret may be the beginning of another.
    .sort((a, b) => b.length - a.length);
  const longest = forms[0]?.length ?? 0;
  const withoutSecrets = (text: string) =>
    forms.reduce((clean, form) => clean.replaceAll(form, '***'), text);
  return (body, cut) => {
    const clean = withoutSecrets(body.toString('utf8'));
    // The end of a body that was cut may be the first half of a secret.
    const whole = cut ? clean.slice(0, Math.max(0, clean.length - longest)) : clean;
    const oneLine = whole.replace(/[\p{C}\s]+/gu, ' ').trim();
    // Joining lines may have made a secret out of two halves.
    return withoutSecrets(oneLine).slice(0, answerTextMax);
  };
}

/** How a server may write a secret: as it is, and as the usual encodings have it. */
function formsOf(secret: string): string[] {
  const inUrl = encodeURIComponent(secret.toWellFormed());
  const inJson = JSON.stringify(secret).slice(1, -1);
  const encoded = [...base64Forms(secret), ...hexForms(secret)];
  return [
    secret,
    inUrl,
    inUrl.replace(/%[0-9A-F]{2}/g, (escape) => escape.toLowerCase()),
    inUrl.replaceAll('%20', '+'),
    inJson,
    // Go's encoding of JSON, and what HTML makes of the same characters.
    inJson.replace(/[<>&]/g, (character) => `\\u00${hexOf(character)}`),
    secret.replace(/[<>&"']/g, (character) => htmlNames.get(character) ?? character),
    secret.replace(/[<>&"']/g, (character) => htmlNumbers.get(character) ?? character),
    ...encoded.filter((form) => form.length >= encodedLengthMin),
  ];
}

const htmlNames = new Map([
  ['<', '&lt;'],
  ['>', '&gt;'],
  ['&', '&amp;'],
  ['"', '&quot;'],
  ["'", '&apos;'],
]);

// Go's html.EscapeString.
const htmlNumbers = new Map([
  ['<', '&lt;'],
  ['>', '&gt;'],
  ['&', '&amp;'],
  ['"', '&#34;'],
  ["'", '&#39;'],
]);

/** What every base64 text holds that the secret is a part of, wherever in it. */
function base64Forms(secret: string): string[] {
  const bytes = Buffer.from(secret);
  return [0, 1, 2].flatMap((before) => {
    const text = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64');
    // Three bytes are four characters; those at the edges hold bits of the neighbours, too.
    const first = Math.ceil((before * 4) / 3);
    const end = Math.floor(((before + bytes.length) * 4) / 3);
    const inner = text.slice(first, end);
    return [inner, inner.replaceAll('+', '-').replaceAll('/', '_')];
  });
}

function hexForms(secret: string): string[] {
  const hex = Buffer.from(secret).toString('hex');
  return [hex, hex.toUpperCase()];
}

function hexOf(character: string): string {
  return character.charCodeAt(0).toString(16);
}
