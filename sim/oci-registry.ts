// A small registry of container images over TLS (OCI Distribution Specification 1.1, pulling only), with a user or without, and an image for it to have: one
// layer and a configuration (OCI Image Specification 1.1).
import { createHash } from 'node:crypto'
import https from 'node:https'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'

export interface OciFile {
  /** Without a slash in front; folders before what is in them, with a slash at the end. */
  readonly path: string
  readonly content?: Uint8Array
  readonly mode?: number
  /** Where a symbolic link leads. */
  readonly link?: string
}

export interface OciImage {
  readonly manifest: Buffer
  readonly blobs: ReadonlyMap<string, Buffer>
}

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json'
const digestOf = (bytes: Uint8Array) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`

/** One entry of a tar (POSIX.1-1988 ustar). */
function tarEntry({ path, content = Buffer.alloc(0), mode = 0o755, link }: OciFile): Buffer {
  const header = Buffer.alloc(512)
  const octal = (value: number, at: number, width: number) =>
    header.write(value.toString(8).padStart(width - 1, '0'), at, 'latin1')
  header.write(path, 0, 'latin1')
  for (const [value, at, width] of [
    [mode, 100, 8],
    [0, 108, 8],
    [0, 116, 8],
    [content.length, 124, 12],
    [0, 136, 12],
  ] as const)
    octal(value, at, width)
  header.write('        0', 148, 'latin1')
  header.write(path.endsWith('/') ? '5' : link === undefined ? '0' : '2', 156, 'latin1')
  if (link !== undefined) header.write(link, 157, 'latin1')
  header.write('ustar\x0000', 257, 'latin1')
  octal(header.reduce((sum, byte) => sum + byte, 0), 148, 7) // prettier-ignore
  return Buffer.concat([header, content, Buffer.alloc((512 - (content.length % 512)) % 512)])
}

export function ociImage(files: readonly OciFile[]): OciImage {
  const tar = Buffer.concat([...files.map(tarEntry), Buffer.alloc(1024)])
  const layer = gzipSync(tar, { level: 1 })
  const architecture = process.arch === 'arm64' ? 'arm64' : 'amd64'
  const config = Buffer.from(
    JSON.stringify({ architecture, os: 'linux', config: {}, rootfs: { type: 'layers', diff_ids: [digestOf(tar)] } }),
  )
  const described = (mediaType: string, bytes: Buffer) => ({ mediaType, digest: digestOf(bytes), size: bytes.length })
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MANIFEST,
      config: described('application/vnd.oci.image.config.v1+json', config),
      layers: [described('application/vnd.oci.image.layer.v1.tar+gzip', layer)],
    }),
  )
  return { manifest, blobs: new Map([config, layer].map((bytes) => [digestOf(bytes), bytes])) }
}

export interface OciRegistry {
  readonly port: number
  /** Path of each request that was let in, and how many were not. */
  readonly asked: readonly string[]
  readonly refused: number
  close(): Promise<void>
}

export interface OciRegistryOptions {
  /** PEM. */
  readonly tls: { readonly key: string; readonly cert: string }
  readonly address?: string
  /** By name and tag: `os:1`. */
  readonly images: Readonly<Record<string, OciImage>>
  /** `user:password`, of who may pull; absent: everybody. */
  readonly login?: string
}

export async function startOciRegistry(options: OciRegistryOptions): Promise<OciRegistry> {
  const { tls, images, login, address = '127.0.0.1' } = options
  const asked: string[] = []
  let refused = 0
  const blobs = new Map(Object.values(images).flatMap((image) => [...image.blobs]))
  const server = https.createServer(tls, (request, response) => {
    const wanted = login && `Basic ${Buffer.from(login).toString('base64')}`
    if (wanted !== undefined && request.headers.authorization !== wanted) {
      refused += 1
      response.writeHead(401, { 'www-authenticate': 'Basic realm="images"' }).end()
      return
    }
    const { method, url = '' } = request
    asked.push(url)
    const [, name, kind, reference] = /^\/v2\/(.+)\/(manifests|blobs)\/([^/]+)$/.exec(url) ?? []
    const found =
      kind === 'blobs'
        ? blobs.get(reference!)
        : Object.entries(images).find(
            ([id, { manifest }]) => id === `${name}:${reference}` || digestOf(manifest) === reference,
          )?.[1].manifest
    if (url === '/v2/') response.writeHead(200).end('{}')
    else if (found === undefined) response.writeHead(404).end('{"errors": [{"code": "MANIFEST_UNKNOWN"}]}')
    else {
      const type = kind === 'blobs' ? 'application/octet-stream' : MANIFEST
      response.writeHead(200, {
        'content-type': type,
        'content-length': found.length,
        'docker-content-digest': digestOf(found),
      })
      response.end(method === 'HEAD' ? undefined : found)
    }
  })
  await new Promise<void>((resolve) => server.listen(0, address, resolve))
  return {
    port: (server.address() as AddressInfo).port,
    asked,
    get refused() {
      return refused
    },
    async close() {
      server.closeAllConnections()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}
