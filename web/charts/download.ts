/** RFC 4180 with a byte order mark, for spreadsheets; text that one would run as a formula is disarmed. */
export function toCsv(rows: readonly (readonly (string | number | null)[])[]): string {
  const cell = (value: string | number | null): string => {
    if (value === null) return ''
    if (typeof value === 'number') return String(value)
    const safe = /^[=+\-@\t\r＝＋－＠]/.test(value) ? `'${value}` : value
    return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
  }
  return `\uFEFF${rows.map((row) => row.map(cell).join(',')).join('\r\n')}\r\n`
}

export function save(content: Blob, name: string): void {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(content)
  link.download = name
  link.click()
  // The browser reads it after this turn.
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000)
}

export const fileName = (title: string, extension: string): string =>
  `${title
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, '-')
    .replace(/^-|-$/g, '')}.${extension}`

const DRAWN = [
  'fill',
  'stroke',
  'stroke-width',
  'stroke-dasharray',
  'opacity',
  'fill-opacity',
  'font-size',
  'font-family',
  'font-weight',
  'text-anchor',
]
/** What a colour stands for; `dash` when it is drawn as a line, '' for a solid one. */
export interface LegendEntry {
  readonly title: string
  readonly colour: string
  readonly dash?: string | undefined
}

const SCALE = 2
const HEAD = 56

/** A copy of a drawing that needs no stylesheet: an image has none. */
function standalone(svg: SVGSVGElement): SVGSVGElement {
  const copy = svg.cloneNode(true) as SVGSVGElement
  const drawn = svg.querySelectorAll('*')
  copy.querySelectorAll('*').forEach((element, index) => {
    const source = drawn[index]
    if (!source) return
    const style = getComputedStyle(source)
    for (const property of DRAWN) element.setAttribute(property, style.getPropertyValue(property))
    element.removeAttribute('style')
    element.removeAttribute('class')
  })
  copy.removeAttribute('style')
  copy.removeAttribute('class')
  copy.setAttribute('xmlns', 'http://www.w3.org/2000/svg')
  return copy
}

async function imageOf(svg: SVGSVGElement, width: number, height: number): Promise<HTMLImageElement> {
  const copy = standalone(svg)
  copy.setAttribute('width', String(width))
  copy.setAttribute('height', String(height))
  const image = new Image(width, height)
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(new XMLSerializer().serializeToString(copy))}`
  await image.decode()
  return image
}

/** A colour of the theme as it is now: a custom property itself says what it is in both. */
function themeColour(name: string): string {
  const probe = document.createElement('i')
  probe.style.color = `var(${name})`
  document.body.append(probe)
  const { color } = getComputedStyle(probe)
  probe.remove()
  return color
}

/** A canvas with the panel's title and legend on it, and room for what is drawn below. */
function canvasFor(title: string, legend: readonly LegendEntry[], width: number, height: number) {
  const canvas = document.createElement('canvas')
  canvas.width = (width + 32) * SCALE
  canvas.height = (height + HEAD + 24) * SCALE
  const context = canvas.getContext('2d')
  if (!context) throw new Error('this browser draws no canvas')
  const colour = (name: string) => themeColour(name)
  context.scale(SCALE, SCALE)
  context.fillStyle = colour('--surface')
  context.fillRect(0, 0, canvas.width, canvas.height)
  context.fillStyle = colour('--text')
  context.font = '600 16px system-ui, sans-serif'
  context.fillText(title, 16, 26)
  context.font = '12px system-ui, sans-serif'
  let x = 16
  for (const entry of legend) {
    drawSwatch(context, entry, x)
    context.fillStyle = colour('--muted')
    context.fillText(entry.title, x + 25, 47)
    x += context.measureText(entry.title).width + 44
  }
  return { canvas, context, colour }
}

function drawSwatch(context: CanvasRenderingContext2D, { colour, dash }: LegendEntry, x: number): void {
  const shade = colour.startsWith('var(') ? themeColour(colour.slice(4, -1)) : colour
  if (dash === undefined) {
    context.fillStyle = shade
    context.fillRect(x + 8, 38, 10, 10)
    return
  }
  context.strokeStyle = shade
  context.lineWidth = 2
  context.setLineDash(dash ? dash.split(' ').map(Number) : [])
  context.beginPath()
  context.moveTo(x, 43)
  context.lineTo(x + 20, 43)
  context.stroke()
}

const pngOf = (canvas: HTMLCanvasElement): Promise<Blob> =>
  new Promise((resolve, reject) =>
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error('the image could not be made'))), 'image/png'),
  )

/** The chart inside `panel` as a PNG: its drawing, or its coloured table. */
export async function toPng(panel: HTMLElement, title: string, legend: readonly LegendEntry[]): Promise<Blob> {
  const svg = panel.querySelector<SVGSVGElement>('.chart svg')
  if (svg) {
    const { width, height } = svg.getBoundingClientRect()
    const { canvas, context } = canvasFor(title, legend, width, height)
    context.drawImage(await imageOf(svg, width, height), 16, HEAD, width, height)
    return pngOf(canvas)
  }
  const table = panel.querySelector<HTMLTableElement>('table.matrix')
  if (!table) throw new Error('there is no chart to draw')
  const { width, height, left, top } = table.getBoundingClientRect()
  const { canvas, context } = canvasFor(title, legend, width, height)
  context.textBaseline = 'middle'
  for (const cell of table.querySelectorAll<HTMLElement>('th, td')) {
    const box = cell.getBoundingClientRect()
    const style = getComputedStyle(cell)
    context.fillStyle = style.backgroundColor
    context.fillRect(16 + box.left - left + 1, HEAD + box.top - top + 1, box.width - 2, box.height - 2)
    context.fillStyle = style.color
    context.font = `${style.fontWeight} ${style.fontSize} system-ui, sans-serif`
    const text = (cell.textContent ?? '').trim()
    const isHead = cell.tagName === 'TH' && cell.getAttribute('scope') === 'row'
    context.textAlign = isHead ? 'left' : 'center'
    const x = isHead ? box.left - left + 6 : box.left - left + box.width / 2
    context.fillText(text, 16 + x, HEAD + box.top - top + box.height / 2)
  }
  return pngOf(canvas)
}
