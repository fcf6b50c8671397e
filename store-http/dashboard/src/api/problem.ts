// What went wrong with a request, in words for people and with the fields that caused it.

import type { Problem } from "./types";

/** An answer that is an error, or no answer at all (`status` 0). */
export class ApiError extends Error {
  constructor(
    message: string,
    readonly status: number,
    readonly problem: Partial<Problem> = {},
  ) {
    super(message);
  }

  /** Whether it is of this kind: the last part of the problem's type. */
  is(kind: string): boolean {
    return this.problem.type?.endsWith(`:${kind}`) === true;
  }

  /** Messages by field, for forms. The first one of each field counts. */
  get fields(): Record<string, string> {
    const errors = Array.isArray(this.problem.errors) ? this.problem.errors : [];
    return Object.fromEntries(errors.toReversed().map((error) => [error.field, error.message]));
  }
}

/** Whether the same may work in a while: silence, and a server's own trouble. Refusals stay what they are. */
export function isPassing(error: unknown): boolean {
  return !(error instanceof ApiError) || error.status >= 500 || error.status === 429;
}

/** Reads an error answer, whoever gave it: a proxy in between does not speak problem+json. */
export function toApiError(status: number, body: unknown): ApiError {
  const problem: Partial<Problem> = typeof body === "object" && body !== null ? body : {};
  const words = [problem.detail, problem.message, problem.title].find((text) => typeof text === "string" && text);
  return new ApiError(words ? sentence(words) : fallback(status), status, problem);
}

/** What a caught value says. */
export function messageOf(error: unknown): string {
  if (error instanceof ApiError) return error.message;
  if (isTooLate(error)) return "The platform has not answered in time. Try again in a moment.";
  return "The platform cannot be reached. Check your connection and try again.";
}

/** Whether a deadline has ended it (`AbortSignal.timeout`). */
function isTooLate(error: unknown): boolean {
  return error instanceof DOMException && error.name === "TimeoutError";
}

function fallback(status: number): string {
  if (status === 401) return "The platform asks for a token.";
  if (status === 403) return "Your token does not allow this.";
  if (status === 502 || status === 503 || status === 504) return "The platform cannot answer right now.";
  return `The platform answered with status ${status}.`;
}

/** A message of the API as a sentence of its own. */
export function sentence(text: string): string {
  const trimmed = text.trim();
  const capital = trimmed.charAt(0).toUpperCase() + trimmed.slice(1);
  return /[.!?]$/.test(capital) ? capital : `${capital}.`;
}
