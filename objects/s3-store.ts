import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  type PutObjectCommandInput,
  paginateListObjectsV2,
  S3Client,
  type S3ClientConfig,
  type ServerSideEncryption,
} from '@aws-sdk/client-s3'
import { Upload } from '@aws-sdk/lib-storage'
import { getSignedUrl } from '@aws-sdk/s3-request-presigner'
import { keyParts, prefixParts } from './key.ts'
import { Measure } from './measure.ts'
import { checkFilename } from './signed-link.ts'
import { type LinkOptions, ObjectNotFound, type ObjectStore, type StoredObject } from './store.ts'

/** Two parts in memory at once, and at most 10,000 parts: objects of up to 80 GB. */
const PART_BYTES = 8 * 1024 * 1024
const PARTS_AT_ONCE = 2

export interface S3StoreOptions {
  readonly bucket: string
  readonly region: string
  /** A store that is not Amazon's. */
  readonly endpoint?: string | undefined
  /** Where links lead when clients reach the store under another address than we do. */
  readonly publicEndpoint?: string | undefined
  /** Bucket in the path instead of the host name, as most self-hosted stores want it. */
  readonly forcePathStyle: boolean
  /** Without them the SDK looks where it always does: environment, profile, instance role. */
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string } | undefined
  readonly encryption?: 'AES256' | 'aws:kms' | undefined
  readonly kmsKeyId?: string | undefined
}

/** Objects in a bucket of any S3. What is asked of the store: Put, multipart upload, Get, Head, ListV2, Delete. */
export class S3ObjectStore implements ObjectStore {
  readonly #options: S3StoreOptions
  readonly #client: S3Client
  /** Signs only; makes no connections. */
  readonly #signer: S3Client

  constructor(options: S3StoreOptions) {
    this.#options = options
    this.#client = new S3Client(clientConfig(options, options.endpoint))
    this.#signer = new S3Client(clientConfig(options, options.publicEndpoint ?? options.endpoint))
  }

  async put(
    key: string,
    body: Readable | Uint8Array,
    { contentType }: { readonly contentType: string },
  ): Promise<{ bytes: number; sha256: string }> {
    keyParts(key)
    const measure = new Measure()
    const input = body instanceof Readable ? body : Readable.from([body])
    const upload = new Upload({
      client: this.#client,
      // A failed upload removes its parts; nothing of it can ever be read.
      leavePartsOnError: false,
      partSize: PART_BYTES,
      queueSize: PARTS_AT_ONCE,
      params: { Bucket: this.#options.bucket, Key: key, Body: measure, ContentType: contentType, ...this.#atRest() },
    })
    // An input that fails makes the upload fail, and an upload that fails stops the input. Whichever was first is told.
    const [uploaded, piped] = await Promise.allSettled([upload.done(), pipeline(input, measure)])
    if (piped.status === 'rejected' && !wasCutOff(piped.reason)) throw piped.reason
    if (uploaded.status === 'rejected') throw uploaded.reason
    return { bytes: measure.bytes, sha256: measure.sha256() }
  }

  async get(key: string): Promise<Readable> {
    keyParts(key)
    try {
      const { Body } = await this.#client.send(new GetObjectCommand(this.#at(key)))
      if (Body instanceof Readable) return Body
      throw new Error('the store answered without a body')
    } catch (error) {
      throw isAbsent(error) ? new ObjectNotFound(key, { cause: error }) : error
    }
  }

  async head(key: string): Promise<{ bytes: number } | undefined> {
    keyParts(key)
    try {
      const { ContentLength } = await this.#client.send(new HeadObjectCommand(this.#at(key)))
      return { bytes: ContentLength ?? 0 }
    } catch (error) {
      if (isAbsent(error)) return undefined
      throw error
    }
  }

  async *list(prefix: string): AsyncIterable<StoredObject> {
    prefixParts(prefix)
    const pages = paginateListObjectsV2({ client: this.#client }, { Bucket: this.#options.bucket, Prefix: prefix })
    for await (const { Contents = [] } of pages)
      for (const { Key, Size, LastModified } of Contents)
        if (Key !== undefined) yield { key: Key, bytes: Size ?? 0, modifiedAt: LastModified ?? new Date(0) }
  }

  async delete(key: string): Promise<void> {
    keyParts(key)
    try {
      await this.#client.send(new DeleteObjectCommand(this.#at(key)))
    } catch (error) {
      if (!isAbsent(error)) throw error
    }
  }

  async signedUrl(key: string, { expiresInSeconds, filename }: LinkOptions): Promise<string> {
    keyParts(key)
    checkFilename(filename)
    const command = new GetObjectCommand({
      ...this.#at(key),
      ResponseContentDisposition: `attachment; filename="${filename}"`,
    })
    return getSignedUrl(this.#signer, command, { expiresIn: expiresInSeconds })
  }

  async close(): Promise<void> {
    this.#client.destroy()
    this.#signer.destroy()
  }

  #at(key: string): { Bucket: string; Key: string } {
    return { Bucket: this.#options.bucket, Key: key }
  }

  #atRest(): Partial<PutObjectCommandInput> {
    const { encryption, kmsKeyId } = this.#options
    if (encryption === undefined) return {}
    const ServerSideEncryption: ServerSideEncryption = encryption
    return { ServerSideEncryption, ...(kmsKeyId === undefined ? {} : { SSEKMSKeyId: kmsKeyId }) }
  }
}

function clientConfig(options: S3StoreOptions, endpoint: string | undefined): S3ClientConfig {
  return {
    region: options.region,
    forcePathStyle: options.forcePathStyle,
    ...(options.credentials ? { credentials: options.credentials } : {}),
    // Not every store understands the trailing checksums that the SDK sends by default.
    ...(endpoint === undefined
      ? {}
      : {
          endpoint,
          requestChecksumCalculation: 'WHEN_REQUIRED' as const,
          responseChecksumValidation: 'WHEN_REQUIRED' as const,
        }),
  }
}

/** The stream was ended from the other side. */
const wasCutOff = (error: unknown): boolean =>
  (error as NodeJS.ErrnoException).code === 'ERR_STREAM_PREMATURE_CLOSE' || (error as Error).name === 'AbortError'

const isAbsent = (error: unknown): boolean =>
  error instanceof Error &&
  (['NoSuchKey', 'NotFound'].includes(error.name) ||
    (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode === 404) &&
  error.name !== 'NoSuchBucket'
