import { BarChart, LineChart } from 'echarts/charts'
import { GridComponent, LegendComponent, MarkLineComponent } from 'echarts/components'
import { init, use } from 'echarts/core'
import { SVGRenderer } from 'echarts/renderers'
import type { DescribedUnit } from '../../../db/unit.ts'
import { formatValue } from '../format-value.ts'
import type { Chart } from '../report.ts'
import { colors, palette, textWidth } from './look.ts'

use([BarChart, LineChart, GridComponent, LegendComponent, MarkLineComponent, SVGRenderer])

export interface ChartSize {
  readonly width: number
  readonly height: number
}

/** A chart as SVG, without animation or scripts. */
export function chartSvg(chart: Chart, { width, height }: ChartSize, print: (text: string) => string): string {
  const instance = init(null, null, { renderer: 'svg', ssr: true, width, height })
  const isSmall = width < 300
  const fontSize = isSmall ? 7 : 8
  const legendHeight = chart.series.length > 1 ? legendRows(chart, width - 10, fontSize) * LEGEND_ROW : 0
  const text = { fontFamily: 'Roboto', fontSize, color: colors.muted }
  try {
    instance.setOption({
      animation: false,
      color: palette,
      textStyle: { fontFamily: 'Roboto' },
      grid: {
        left: 4,
        right: 10,
        top: 10 + legendHeight,
        bottom: 4,
        outerBoundsMode: 'same',
        outerBoundsContain: 'axisLabel',
      },
      ...(legendHeight > 0 ? { legend: { top: 0, left: 0, itemWidth: KEY, itemHeight: 8, textStyle: text } } : {}),
      xAxis: {
        type: 'category',
        data: chart.labels.map(print),
        boundaryGap: chart.kind === 'stacked',
        axisLine: { lineStyle: { color: colors.line } },
        axisTick: { show: false },
        axisLabel: { ...text, hideOverlap: true, interval: labelInterval(chart.labels.length, width) },
      },
      yAxis: {
        type: 'value',
        scale: chart.kind === 'line' && !startsAtZero(chart),
        splitNumber: isSmall ? 3 : 5,
        max: ({ max }: { max: number }) => highest(chart, max),
        // A flat line at zero needs no hundredths of a cent.
        minInterval: chart.unit.kind === 'money' ? 10 ** chart.unit.digits : 0,
        splitLine: { lineStyle: { color: colors.grid } },
        axisLabel: {
          ...text,
          showMaxLabel: chart.target === undefined,
          formatter: (value: number) => axisLabel(value, chart.unit),
        },
      },
      series: chart.series.map(({ name, values }, i) => ({
        name: print(name),
        data: values,
        ...(chart.kind === 'stacked'
          ? { type: 'bar', stack: 'all', barMaxWidth: 26 }
          : {
              type: 'line',
              symbol: values.filter((value) => value !== null).length > 1 ? 'none' : 'circle',
              lineStyle: { width: isSmall ? 1.5 : 2 },
              ...(chart.series.length === 1 ? { areaStyle: { color: colors.area } } : {}),
            }),
        ...(i === 0 && chart.target !== undefined ? { markLine: targetLine(chart.target, text) } : {}),
      })),
    })
    return instance.renderToSVGString()
  } finally {
    instance.dispose()
  }
}

const LEGEND_ROW = 16
/** Width of a key in the legend, and what is around it and its name. */
const KEY = 12
const AROUND = 21

/** Lines that the legend takes, by the same estimate of a character's width as for tables. */
function legendRows({ series }: Chart, width: number, fontSize: number): number {
  let rows = 1
  let at = 0
  for (const { name } of series) {
    const item = KEY + AROUND + textWidth(name.length, fontSize)
    if (at > 0 && at + item > width) {
      rows += 1
      at = 0
    }
    at += item
  }
  return rows
}

/** Counts and shares are read from zero; a stock such as MRR would be a flat line that way. */
const startsAtZero = ({ unit }: Chart): boolean => unit.kind !== 'money'

/** Shares end at 100 %, and the target is in sight. null: as the values say. */
function highest({ unit, target }: Chart, max: number): number | null {
  if (target !== undefined && target > max) return target * 1.15
  return unit.kind === 'ratio' && max <= 1 && max > 0.8 ? 1 : null
}

const targetLine = (target: number, text: object) => ({
  silent: true,
  symbol: 'none',
  lineStyle: { color: colors.target, type: 'dashed', width: 1 },
  label: { ...text, color: colors.target, formatter: 'target', position: 'insideEndTop' },
  data: [{ yAxis: target }],
})

function labelInterval(count: number, width: number): number {
  const room = Math.max(2, Math.floor(width / 62))
  return Math.max(0, Math.ceil(count / room) - 1)
}

/** Short: 12.5k, 1.2M; money without its minor units. */
function axisLabel(value: number, unit: DescribedUnit): string {
  if (unit.kind !== 'money' && (unit.kind === 'seconds' || Math.abs(value) < 10_000))
    return formatValue(value, unit).replace(/\.0%$/, '%')
  const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 })
  if (unit.kind !== 'money') return compact.format(value)
  return new Intl.NumberFormat('en', {
    notation: 'compact',
    maximumFractionDigits: 1,
    style: 'currency',
    currency: unit.currency,
  }).format(value / 10 ** unit.digits)
}
