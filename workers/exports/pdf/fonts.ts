import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fontCoverage } from './font-coverage.ts'

/** Roboto as pdfmake ships it (Apache-2.0, docs/licences.md): Latin, Greek and Cyrillic with all their accents. */
const directory = join(dirname(createRequire(import.meta.url).resolve('pdfmake')), '..', 'fonts', 'Roboto')

export const fonts = {
  Roboto: {
    normal: join(directory, 'Roboto-Regular.ttf'),
    bold: join(directory, 'Roboto-Medium.ttf'),
    italics: join(directory, 'Roboto-Italic.ttf'),
    bolditalics: join(directory, 'Roboto-MediumItalic.ttf'),
  },
}

const has = fontCoverage(fonts.Roboto.normal)
const SUBSTITUTE = '?'

/**
 * Text as the font can show it: accents composed, every character that it lacks a question mark. `isWhole` is false when
 * there was one, so that the report can say so.
 */
export function printable(text: string): { text: string; isWhole: boolean } {
  let isWhole = true
  const shown = Array.from(text.normalize('NFC'), (character) => {
    const codePoint = character.codePointAt(0) ?? 0
    if (character === '\n' || (codePoint <= 0xffff && has(codePoint))) return character
    isWhole = false
    return SUBSTITUTE
  }).join('')
  return { text: shown, isWhole }
}
