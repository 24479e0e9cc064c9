/** SQLSTATE classes that what a message holds can cause: 22 (data), 23 (integrity), 54 (limits). */
export function isDataError(error: unknown): error is Error & { readonly code: string } {
  return error instanceof Error && /^(22|23|54)[0-9A-Z]{3}$/.test(String((error as NodeJS.ErrnoException).code))
}
