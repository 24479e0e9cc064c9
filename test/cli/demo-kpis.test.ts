import { expect, test } from 'vitest'
import { table } from '../../cli/demo/kpis.ts'

test('the demo prints its KPIs in their units', () => {
  const card = { value: 1, status: null }
  const shown = table({
    cards: [
      { ...card, name: 'net_mrr', title: 'MRR', value: 119_700, unit: { kind: 'money', currency: 'EUR', digits: 2 } },
      { ...card, name: 'response', title: 'Response', value: 4084.69, unit: { kind: 'seconds' } },
      { ...card, name: 'streak', title: 'Streak', value: null, unit: { kind: 'days' } },
    ],
  })
  expect(shown.split('\n').map((line) => line.trim().replace(/ +/g, ' '))).toEqual([
    'MRR €1,197.00',
    'Response 1.1 h',
    'Streak no data yet',
  ])
})
