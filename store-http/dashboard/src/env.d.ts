// Types of what only the build tool knows.

/// <reference types="vite/client" />

interface ImportMetaEnv {
  /** Where the API is, if not at /api/v1 of the same origin. */
  readonly VITE_API_BASE_URL?: string;
}
