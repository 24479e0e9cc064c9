// Pieces of a text in which an e-mail address could sit: runs without white space, quotes, brackets, list separators
// and the separators of URLs. Splitting first keeps the search linear; one regular expression for "an address
// anywhere in a text" backtracks quadratically on hostile input.
const pieces = /[^\s,;<>()[\]{}"'`|=&?/\\]+/gu

function looksLikeEmail(piece: string): boolean {
  const text = piece.includes('%40') ? piece.replaceAll('%40', '@') : piece
  const at = text.indexOf('@', 1)
  if (at === -1) return false
  const dot = text.indexOf('.', at + 2)
  return dot !== -1 && dot < text.length - 1
}

/**
 * Replaces every e-mail address in a text, also in URLs (`%40`). Everything else stays. Rather one piece too many
 * (`a@b.c`) than one address too few.
 */
export function replaceEmails(text: string, replacement: (address: string) => string): string {
  if (!text.includes('@') && !text.includes('%40')) return text
  return text.replace(pieces, (piece) => (looksLikeEmail(piece) ? replacement(piece) : piece))
}
