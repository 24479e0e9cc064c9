import pdfmake from 'pdfmake'
import type { Content, TableCell, TDocumentDefinitions } from 'pdfmake/interfaces.js'
import { formatMoved, formatValue } from '../format-value.ts'
import type { Chart, PageTable, Report, ReportCard } from '../report.ts'
import { formatTarget, statusTitles } from '../reports/overview.ts'
import { type ChartSize, chartSvg } from './chart.ts'
import { columnWidths } from './columns.ts'
import { fonts, printable } from './fonts.ts'
import { colors, PAGE, statusColors, tint } from './look.ts'

pdfmake.setFonts(fonts)
// Nothing in a report is fetched, and no file but the fonts is read.
pdfmake.setUrlAccessPolicy(() => false)
pdfmake.setLocalAccessPolicy((path: string) => Object.values(fonts.Roboto).includes(path))

const CARDS_PER_ROW = 3
/** Wider tables are laid across the page. */
const PORTRAIT_COLUMNS = 7
const CELL_PADDING = 4

/** A report as PDF: heading, cards, charts, tables, definitions; page numbers and the range on every page. */
export async function renderPdf(report: Report): Promise<Buffer> {
  const page = printer()
  const isWide = report.tables.some(({ columns }) => columns.length > PORTRAIT_COLUMNS)
  const width = (isWide ? PAGE.height : PAGE.width) - 2 * PAGE.margin
  const content: Content[] = [
    heading(report, page.print, width),
    ...cardGrid(report.cards, page.print),
    ...charts(report, page.print, width),
    ...report.tables.flatMap((table) => pageTable(table, page.print, width)),
    ...definitions(report, page.print),
  ]
  const notes = [
    ...report.notes,
    ...(page.isWhole()
      ? []
      : ['Characters that the report’s font lacks are shown as “?”; CSV and Parquet exports have them.']),
  ]
  content.push(...notes.map((text) => ({ text: page.print(text), style: 'note' })))
  const document: TDocumentDefinitions = {
    pageSize: 'A4',
    pageOrientation: isWide ? 'landscape' : 'portrait',
    pageMargins: [PAGE.margin, PAGE.margin, PAGE.margin, 52],
    info: { title: page.print(`${report.title}, ${report.tenant}`), creator: 'UpCoach analytics' },
    content,
    footer: (current, count) => ({
      margin: [PAGE.margin, 16, PAGE.margin, 0],
      fontSize: 7.5,
      color: colors.muted,
      columns: [
        { text: page.print(`${report.tenant} · ${report.title} · ${report.range}`), width: '*' },
        { text: `Page ${current} of ${count}`, alignment: 'right', width: 80 },
      ],
    }),
    defaultStyle: { font: 'Roboto', fontSize: 9, color: colors.ink, lineHeight: 1.15 },
    styles: {
      section: { fontSize: 12, bold: true, margin: [0, 16, 0, 6] },
      note: { fontSize: 8, color: colors.muted, margin: [0, 3, 0, 0] },
      head: { fontSize: 8, bold: true, color: colors.muted },
    },
  }
  return pdfmake.createPdf(document).getBuffer()
}

type Print = (text: string) => string
type Column = { width: number; stack: Content[] }

function printer(): { print: Print; isWhole: () => boolean } {
  let isWhole = true
  return {
    print(text) {
      const shown = printable(text)
      isWhole &&= shown.isWhole
      return shown.text
    },
    isWhole: () => isWhole,
  }
}

function heading(report: Report, print: Print, width: number): Content {
  return [
    { text: 'UpCoach analytics', fontSize: 8, bold: true, color: colors.accent, characterSpacing: 0.6 },
    { text: print(report.title), fontSize: 22, bold: true, margin: [0, 2, 0, 2] },
    { text: print(report.tenant), fontSize: 12, margin: [0, 0, 0, 2] },
    {
      text: print(`${report.range} · ${report.timezone} · generated ${report.generatedAt}`),
      color: colors.muted,
      margin: [0, 0, 0, 8],
    },
    { canvas: [{ type: 'line', x1: 0, y1: 0, x2: width, y2: 0, lineWidth: 1, lineColor: colors.line }] },
  ]
}

function cardGrid(cards: readonly ReportCard[], print: Print): Content[] {
  const rows: TableCell[][] = []
  for (let i = 0; i < cards.length; i += CARDS_PER_ROW) {
    const row = cards.slice(i, i + CARDS_PER_ROW).map((card) => cardCell(card, print))
    while (row.length < Math.min(CARDS_PER_ROW, cards.length)) row.push({ text: '' })
    rows.push(row)
  }
  if (rows.length === 0) return []
  const widths = rows[0]?.map(() => `${100 / CARDS_PER_ROW}%`) ?? []
  return [
    {
      margin: [0, 12, 0, 0],
      table: { widths, body: rows, dontBreakRows: true },
      layout: {
        hLineWidth: () => 0.7,
        vLineWidth: () => 0.7,
        hLineColor: () => colors.line,
        vLineColor: () => colors.line,
        paddingLeft: () => 9,
        paddingRight: () => 9,
        paddingTop: () => 8,
        paddingBottom: () => 8,
      },
    },
  ]
}

function cardCell(card: ReportCard, print: Print): TableCell {
  const target = formatTarget(card)
  return {
    stack: [
      { text: print(card.title), fontSize: 8, color: colors.muted },
      { text: print(formatValue(card.value, card.unit)), fontSize: 17, bold: true, margin: [0, 2, 0, 2] },
      {
        fontSize: 8,
        color: colors.muted,
        text: print(changeText(card)),
      },
      ...(target === ''
        ? []
        : [
            {
              fontSize: 8,
              text: [
                { text: print(`target ${target}`), color: colors.muted },
                ...(card.status === null
                  ? []
                  : [
                      { text: '  ' },
                      { text: statusTitles[card.status], bold: true, color: statusColors[card.status] },
                    ]),
              ],
            },
          ]),
    ],
  }
}

function changeText(card: ReportCard): string {
  if (card.previous === null) return 'no earlier value'
  const before = formatValue(card.previous, card.unit)
  const moved = formatMoved(card)
  return moved === '–' ? `before: ${before}` : `${moved} from ${before}`
}

function charts(report: Report, print: Print, width: number): Content[] {
  if (report.charts.length === 0) return []
  const { chartsPerRow } = report
  const gap = 18
  const each = chartsPerRow === 1 ? width : (width - gap) / 2
  const height = chartsPerRow === 1 ? 210 : 105
  const drawn = report.charts.map((chart) => chartBlock(chart, { width: each, height }, print))
  const rows: Content[] = []
  for (let i = 0; i < drawn.length; i += chartsPerRow) {
    const columns = drawn.slice(i, i + chartsPerRow)
    if (chartsPerRow === 2 && columns.length === 1) columns.push({ stack: [], width: each })
    rows.push({ columns, columnGap: gap, margin: [0, 0, 0, 10], unbreakable: true })
  }
  const first = rows.shift()
  return [{ stack: [{ text: 'Trends', style: 'section' }, ...(first ? [first] : [])], unbreakable: true }, ...rows]
}

function chartBlock(chart: Chart, size: ChartSize, print: Print): Column {
  const isEmpty = chart.series.every(({ values }) => values.every((value) => value === null))
  return {
    width: size.width,
    stack: [
      { text: print(chart.title), bold: true, fontSize: 9, margin: [0, 0, 0, 4] },
      isEmpty
        ? {
            text: 'No values in this range.',
            color: colors.muted,
            margin: [0, 20, 0, 20],
          }
        : { svg: chartSvg(chart, size, print), width: size.width },
    ],
  }
}

function pageTable(table: PageTable, print: Print, width: number): Content[] {
  if (table.rows.length === 0)
    return [
      { text: print(table.title), style: 'section' },
      { text: 'No rows in this range.', color: colors.muted },
    ]
  const fontSize = table.columns.length > PORTRAIT_COLUMNS ? 7.5 : 8.5
  const columns = columnWidths(table, width - table.columns.length * 2 * CELL_PADDING, fontSize)
  const breaking = (i: number) => (columns[i]?.isBroken ? ({ wordBreak: 'break-all' } as const) : {})
  const body: TableCell[][] = [
    table.columns.map(({ title, align }, i) => ({
      text: print(title),
      alignment: align,
      style: 'head',
      ...breaking(i),
    })),
    ...table.rows.map((row) =>
      row.map(({ text, shade }, i): TableCell => {
        const shaded = shade === undefined ? undefined : tint(shade)
        return {
          text: print(text),
          alignment: table.columns[i]?.align ?? 'left',
          ...breaking(i),
          ...(shaded ? { fillColor: shaded.fill, color: shaded.text } : {}),
        }
      }),
    ),
  ]
  const isShaded = table.rows.some((row) => row.some(({ shade }) => shade !== undefined))
  return [
    { text: print(table.title), style: 'section', headlineLevel: 1 },
    {
      fontSize,
      table: {
        headerRows: 1,
        keepWithHeaderRows: 2,
        dontBreakRows: true,
        widths: columns.map(({ width }) => width),
        body,
      },
      layout: {
        hLineWidth: (i: number) => (i === 1 ? 0.8 : 0.4),
        vLineWidth: () => 0,
        hLineColor: (i: number) => (i === 1 ? colors.muted : colors.grid),
        fillColor: (i: number) => (!isShaded && i > 0 && i % 2 === 0 ? colors.band : null),
        paddingLeft: () => CELL_PADDING,
        paddingRight: () => CELL_PADDING,
        paddingTop: () => 3,
        paddingBottom: () => 3,
      },
    },
  ]
}

function definitions(report: Report, print: Print): Content[] {
  if (report.definitions.length === 0) return []
  const entries = report.definitions.map(
    ({ title, text }): Content => ({
      unbreakable: true,
      margin: [0, 0, 0, 5],
      stack: [
        { text: print(title), bold: true, fontSize: 8.5 },
        { text: print(text), fontSize: 8.5, color: colors.muted },
      ],
    }),
  )
  const first = entries.shift()
  return [
    { stack: [{ text: 'Definitions', style: 'section' }, ...(first ? [first] : [])], unbreakable: true },
    ...entries,
  ]
}
