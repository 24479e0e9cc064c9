import { datasource } from './query.ts'

/** Folders of dashboards and alert rules: uid and title. */
export const folders = {
  business: { uid: 'upcoach-business', title: 'UpCoach' },
  operations: { uid: 'upcoach-operations', title: 'UpCoach operations' },
} as const

/** Where the generated files are mounted in Grafana's container. */
const MOUNT = '/etc/grafana/provisioning'

/** The data source. Grafana fills in its own environment: `$NAME`. */
export const datasources = {
  apiVersion: 1,
  prune: true,
  datasources: [
    {
      name: 'UpCoach analytics',
      ...datasource,
      access: 'proxy',
      url: '$UPCOACH_DATABASE_HOST',
      user: '$UPCOACH_DATABASE_USER',
      secureJsonData: { password: '$UPCOACH_DATABASE_PASSWORD' },
      jsonData: {
        database: '$UPCOACH_DATABASE_NAME',
        sslmode: '$UPCOACH_DATABASE_SSLMODE',
        maxOpenConns: 10,
        maxIdleConns: 5,
        maxIdleConnsAuto: false,
        connMaxLifetime: 3600,
        postgresVersion: 1500,
        timescaledb: true,
      },
      isDefault: true,
      editable: false,
    },
  ],
}

/** One provider per folder: files cannot nest folders. */
export const providers = {
  apiVersion: 1,
  providers: Object.entries(folders).map(([name, { uid, title }]) => ({
    name: uid,
    orgId: 1,
    folder: title,
    folderUid: uid,
    type: 'file',
    disableDeletion: true,
    allowUiUpdates: false,
    updateIntervalSeconds: 60,
    options: { path: `${MOUNT}/dashboards/${name}` },
  })),
}
