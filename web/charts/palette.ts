/** Series colours, told apart with any colour vision (after Okabe and Ito 2008); the theme sets the shades. */
export const seriesColours = [
  'var(--series-1)',
  'var(--series-2)',
  'var(--series-3)',
  'var(--series-4)',
  'var(--series-5)',
  'var(--series-6)',
] as const

export const colourAt = (index: number): string => seriesColours[index % seriesColours.length] ?? 'var(--series-1)'

/** Dashes as well as colours: lines stay apart in print and without colour. */
const dashes = ['', '7 4', '2 4', '10 3 2 3', '4 2', '12 5'] as const
export const dashAt = (index: number): string => dashes[index % dashes.length] ?? ''
