import { readFileSync } from 'node:fs'

/** Which characters a TrueType font has, from format 4 (BMP) of its `cmap` table: OpenType 1.9, “cmap”. */
export function fontCoverage(path: string): (codePoint: number) => boolean {
  const file = readFileSync(path)
  const subtable = characterMap(file)
  const segments = file.readUInt16BE(subtable + 6) / 2
  const ends = subtable + 14
  const starts = ends + segments * 2 + 2
  const deltas = starts + segments * 2
  const offsets = deltas + segments * 2
  return (codePoint) => {
    for (let i = 0; i < segments; i += 1) {
      if (file.readUInt16BE(ends + i * 2) < codePoint) continue
      const start = file.readUInt16BE(starts + i * 2)
      if (start > codePoint) return false
      const offset = file.readUInt16BE(offsets + i * 2)
      if (offset === 0) return ((codePoint + file.readUInt16BE(deltas + i * 2)) & 0xffff) !== 0
      return file.readUInt16BE(offsets + i * 2 + offset + (codePoint - start) * 2) !== 0
    }
    return false
  }
}

/** Offset of the first Unicode subtable of format 4. */
function characterMap(file: Buffer): number {
  const tables = file.readUInt16BE(4)
  for (let i = 0; i < tables; i += 1) {
    const entry = 12 + i * 16
    if (file.toString('latin1', entry, entry + 4) !== 'cmap') continue
    const cmap = file.readUInt32BE(entry + 8)
    for (let j = 0; j < file.readUInt16BE(cmap + 2); j += 1) {
      const offset = cmap + file.readUInt32BE(cmap + 4 + j * 8 + 4)
      if (file.readUInt16BE(offset) === 4) return offset
    }
  }
  throw new Error('the font has no Unicode character map of format 4')
}
