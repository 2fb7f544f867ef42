/**
 * Makes the text of a stranger fit for our own log: on one line, short, and
 * without the credentials that a server may echo. It must never let a secret
 * through, not even one that the cut has halved.
 */

/** The longest piece of an answer in a reason, in characters. */
export const answerTextMax = 512;

/** Turns the beginning of a body into text; `cut` says that the body went on. */
export type AnswerText = (body: Buffer, cut: boolean) => string;

/** Makes the filter for one endpoint; `secrets` are the exact texts to take out. */
export function createAnswerText(secrets: readonly string[]): AnswerText {
  const forms = secrets
    .filter((secret) => secret !== '')
    .flatMap((secret) => [secret, encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1)])
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
