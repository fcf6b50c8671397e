// A log as it grows: the last lines only, without the colour codes that terminals understand. Pure.

const LINES_MAX = 5000;
// Everything from ESC to the letter that ends a control sequence, and other control characters but tab and newline.
const CONTROL = /\u001B\[[0-9;?]*[ -/]*[@-~]|[\u0000-\u0008\u000B-\u001F\u007F]/g;

export class LogTail {
  #lines: string[] = [];
  #open = "";

  constructor(readonly max = LINES_MAX) {}

  push(piece: string): void {
    const lines = (this.#open + piece).split("\n");
    this.#open = lines.pop() ?? "";
    for (const line of lines) this.#lines.push(line.replace(CONTROL, ""));
    if (this.#lines.length > this.max) this.#lines.splice(0, this.#lines.length - this.max);
  }

  get text(): string {
    const open = this.#open.replace(CONTROL, "");
    return open ? [...this.#lines, open].join("\n") : this.#lines.join("\n");
  }
}
