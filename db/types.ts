import pg from 'pg'

const INT8 = 20
const DATE = 1082
const TIMESTAMP = 1114
const TIMESTAMPTZ = 1184

/**
 * Calendar values stay text (a Date would move them into the process's zone), instants become ISO text in UTC (so that
 * they compare as text), 64-bit counts become numbers.
 */
export const types: pg.CustomTypesConfig = {
  getTypeParser(oid: number, format?: string) {
    if (oid === DATE || oid === TIMESTAMP) return (value: string) => value
    if (oid === TIMESTAMPTZ)
      return (value: string) => (value.endsWith('infinity') ? value : new Date(value).toISOString())
    if (oid === INT8)
      return (value: string) => {
        const number = Number(value)
        if (!Number.isSafeInteger(number)) throw new RangeError('a count is too large for a number')
        return number
      }
    return pg.types.getTypeParser(oid, format as 'text')
  },
}
