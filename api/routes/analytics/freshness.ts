export { freshUntil } from '../../../db/freshness.ts'
