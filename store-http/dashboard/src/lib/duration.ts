// Durations and dates in words. Pure, but for the browser's own time zone.

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** "0.4 s", "12 s", "1 min 05 s", "2 h 03 min", "3 d 4 h". Never negative: clocks differ a little. */
export function duration(ms: number): string {
  const left = Math.max(0, ms);
  if (left < SECOND) return left === 0 ? "0 s" : `${Math.max(0.1, Math.floor(left / 100) / 10)} s`;
  if (left < MINUTE) return `${Math.floor(left / SECOND)} s`;
  if (left < HOUR) return `${Math.floor(left / MINUTE)} min ${padded((left % MINUTE) / SECOND)} s`;
  if (left < DAY) return `${Math.floor(left / HOUR)} h ${padded((left % HOUR) / MINUTE)} min`;
  return `${Math.floor(left / DAY)} d ${Math.floor((left % DAY) / HOUR)} h`;
}

/** The one largest unit: "12 s", "5 min", "3 h", "9 d". */
export function age(since: string, now: number): string {
  const passed = Math.max(0, now - Date.parse(since));
  if (Number.isNaN(passed)) return "–";
  if (passed < MINUTE) return `${Math.floor(passed / SECOND)} s`;
  if (passed < HOUR) return `${Math.floor(passed / MINUTE)} min`;
  if (passed < DAY) return `${Math.floor(passed / HOUR)} h`;
  return `${Math.floor(passed / DAY)} d`;
}

/** From `start` to `end`, or to `now` while it lasts; undefined before it began. */
export function between(start: string | null | undefined, end: string | null | undefined, now: number): string | undefined {
  const from = Date.parse(start ?? "");
  if (Number.isNaN(from)) return undefined;
  const to = end ? Date.parse(end) : Math.floor(now / SECOND) * SECOND;
  return duration(to - from);
}

const TIME = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const DATE_AND_TIME = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

/** Date and time, in the reader's own manner. */
export function dateTime(at: string | null | undefined): string {
  const time = Date.parse(at ?? "");
  return Number.isNaN(time) ? "–" : DATE_AND_TIME.format(time);
}

/** The reader's day that a time belongs to. */
export function dayOf(time: number): string {
  return new Date(time).toDateString();
}

/** The time alone where it is of `today`, else with its date. For `today` see `dayOf`. */
export function moment(at: string, today: string): string {
  const time = Date.parse(at);
  return dayOf(time) === today ? TIME.format(time) : dateTime(at);
}

function padded(value: number): string {
  return String(Math.floor(value)).padStart(2, "0");
}
