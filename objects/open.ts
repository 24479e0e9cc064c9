import { hkdfSync } from 'node:crypto'
import { join } from 'node:path'
import { LocalObjectStore } from './local-store.ts'
import type { ObjectStore } from './store.ts'

/** What of the configuration decides where objects are kept. */
export interface ObjectsConfig {
  readonly dataDir: string
  readonly S3_BUCKET?: string | undefined
  readonly S3_REGION: string
  readonly S3_ENDPOINT?: string | undefined
  readonly S3_PUBLIC_ENDPOINT?: string | undefined
  readonly S3_FORCE_PATH_STYLE?: boolean | undefined
  readonly S3_ACCESS_KEY_ID?: string | undefined
  readonly S3_SECRET_ACCESS_KEY?: string | undefined
  readonly S3_ENCRYPTION?: 'AES256' | 'aws:kms' | undefined
  readonly S3_KMS_KEY_ID?: string | undefined
}

/** Objects in the bucket S3_BUCKET, or as files under DATA_DIR/objects whose links `origin` serves. */
export async function openObjectStore(
  config: ObjectsConfig,
  local: { masterKey: Uint8Array; origin: string },
): Promise<ObjectStore> {
  const { S3_BUCKET, S3_ACCESS_KEY_ID, S3_SECRET_ACCESS_KEY } = config
  if (S3_BUCKET === undefined)
    return new LocalObjectStore({
      directory: join(config.dataDir, 'objects'),
      linkSecret: Buffer.from(hkdfSync('sha256', local.masterKey, '', 'object links', 32)),
      origin: local.origin,
    })
  // Loaded only where it is used: the SDK costs a second and 40 MB at start.
  const { S3ObjectStore } = await import('./s3-store.ts')
  return new S3ObjectStore({
    bucket: S3_BUCKET,
    region: config.S3_REGION,
    endpoint: config.S3_ENDPOINT,
    publicEndpoint: config.S3_PUBLIC_ENDPOINT,
    forcePathStyle: config.S3_FORCE_PATH_STYLE ?? config.S3_ENDPOINT !== undefined,
    credentials:
      S3_ACCESS_KEY_ID === undefined || S3_SECRET_ACCESS_KEY === undefined
        ? undefined
        : { accessKeyId: S3_ACCESS_KEY_ID, secretAccessKey: S3_SECRET_ACCESS_KEY },
    encryption: config.S3_ENCRYPTION,
    kmsKeyId: config.S3_KMS_KEY_ID,
  })
}
