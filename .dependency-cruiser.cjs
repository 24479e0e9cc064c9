// Enforces the import table of ARCHITECTURE.md: which room may import which.
const rooms = ['api', 'bench', 'cli', 'db', 'grafana', 'metrics', 'objects', 'sources', 'web', 'workers']
const allowed = {
  sources: [],
  metrics: [],
  objects: [],
  db: ['metrics', 'sources'],
  api: ['db', 'metrics', 'objects', 'sources'],
  workers: ['db', 'metrics', 'objects', 'sources'],
  grafana: ['metrics', 'db'],
  web: ['metrics', 'api'],
}

module.exports = {
  forbidden: [
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    ...Object.entries(allowed).map(([room, may]) => ({
      name: `${room}-imports`,
      comment: `${room} may import only: ${may.join(', ') || 'nothing of ours'} (ARCHITECTURE.md)`,
      severity: 'error',
      from: { path: `^${room}/` },
      to: {
        path: `^(${rooms.filter((r) => r !== room && !may.includes(r)).join('|')})/`,
        pathNot: room === 'api' ? ['^workers/queues\\.ts$'] : [],
      },
    })),
    {
      name: 'only-db-imports-pg',
      comment: 'db is the only importer of pg',
      severity: 'error',
      from: { pathNot: '^(db|test|bench)/' },
      to: { path: 'node_modules/(pg|@unni-craftsman|postgres-migrations)/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'web-shapes-only',
      comment: 'of the API the browser gets its shapes, and no code of ours that needs Node',
      severity: 'error',
      from: { path: '^web/' },
      to: { path: '^api/', pathNot: '^api/schemas/' },
    },
    {
      name: 'shapes-run-in-a-browser',
      comment: 'api/schemas are bundled into the page: shapes, and names and units of metrics',
      severity: 'error',
      from: { path: '^api/schemas/' },
      to: {
        pathNot: [
          '^api/schemas/',
          '^metrics/(metric|retention-modes)\\.ts$',
          '^sources/revenue/movements\\.ts$',
          '^db/exports/payload\\.ts$',
          'node_modules/zod/',
        ],
      },
    },
    {
      name: 'web-metrics-without-node',
      severity: 'error',
      from: { path: '^web/' },
      to: { path: '^metrics/', pathNot: '^metrics/(change|metric)\\.ts$' },
    },
    {
      name: 'grafana-db-sql-only',
      severity: 'error',
      from: { path: '^grafana/' },
      to: { path: '^db/', pathNot: '^db/sql\\.ts$' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(node_modules|web/dist)' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
      extensions: ['.ts', '.tsx', '.js', '.cjs', '.json'],
    },
  },
}
