/** Colours of the reports: ink on white, one accent, status colours that differ in lightness too. */
export const colors = {
  ink: '#1b2430',
  muted: '#5d6b7a',
  line: '#c9d1da',
  grid: '#e8ecf0',
  band: '#f5f7f9',
  accent: '#1f5fa8',
  area: 'rgba(31, 95, 168, 0.10)',
  target: '#8a4b00',
} as const

export const statusColors = { on_track: '#1a7f4b', at_risk: '#a86400', off_track: '#b3261e' } as const

/** Distinguishable without red against green. */
export const palette: string[] = ['#1f5fa8', '#d9822b', '#3a9c8f', '#8e5aa8', '#b8a229', '#6b7785']

/** A tint of the accent for a share of 0–1; `text` is readable on it. */
export function tint(share: number): { fill: string; text: string } {
  const mix = (from: number, to: number) => Math.round(from + (to - from) * Math.min(1, Math.max(0, share)))
  const hex = [mix(0xf2, 0x1f), mix(0xf6, 0x5f), mix(0xfb, 0xa8)].map((part) => part.toString(16).padStart(2, '0'))
  return { fill: `#${hex.join('')}`, text: share > 0.55 ? '#ffffff' : colors.ink }
}

export const PAGE = { width: 595.28, height: 841.89, margin: 40 } as const

/** Points that so many characters of Roboto take on average: an estimate on the safe side, for what is laid out before it is set. */
export const textWidth = (characters: number, fontSize: number): number => characters * fontSize * 0.54
