/** Shows a person what the demo says, with the time since it began. */
import type { Message } from './messages.ts';
import { formatTable } from './table.ts';

/** For a terminal that does not tell its width. */
const columnsDefault = 80;

/** One line on a terminal is replaced in place; anything else gets lines that stay only. */
export class Screen {
  readonly #isTty = process.stdout.isTTY;
  #hasStatus = false;

  show(message: Message): void {
    switch (message.kind) {
      case 'step':
        this.#print(`${this.#time()} ${message.text}`);
        break;
      case 'status':
        this.#status(`${this.#time()} ${message.text}`);
        break;
      case 'text':
        this.#print(message.text);
        break;
      case 'error':
        this.#clear();
        process.stderr.write(`demo: ${message.text}\n`);
        break;
      case 'table':
        this.#print(`\n${formatTable(message.rows, this.#isTty)}\n`);
        break;
      case 'kept':
        break;
    }
  }

  #print(text: string): void {
    this.#clear();
    process.stdout.write(`${text}\n`);
  }

  #status(text: string): void {
    if (!this.#isTty) return;
    this.#clear();
    process.stdout.write(text.slice(0, (process.stdout.columns || columnsDefault) - 1));
    this.#hasStatus = true;
  }

  #clear(): void {
    if (this.#hasStatus) process.stdout.write('\r\u001b[K');
    this.#hasStatus = false;
  }

  #time(): string {
    return `[${(performance.now() / 1000).toFixed(1).padStart(5)} s]`;
  }
}
