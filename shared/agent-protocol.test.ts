import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  commandListSchema,
  commandRequestSchema,
  commandResultSchema,
  heartbeatSchema,
  imageInfoSchema,
  inventorySchema,
  lookupAnswerSchema,
  lookupQuerySchema,
  stepParamsSchema,
} from './agent-protocol.ts'

describe('what a real Ironic 21.4 and its agent said to each other is understood', () => {
  it('lookup answer', () => {
    const answer = lookupAnswerSchema.parse({
      node: {
        uuid: '0b1f7d0e-5a0c-4f2b-9a44-0d3f5a3f9f01',
        properties: { memory_mb: 1024 },
        instance_info: { configdrive: '******', image_url: '******' },
        driver_internal_info: { agent_secret_token: '******' },
        links: [],
      },
      config: {
        metrics: {
          backend: 'noop',
          prepend_host: false,
          prepend_uuid: false,
          prepend_host_reverse: true,
          global_prefix: null,
        },
        metrics_statsd: { statsd_host: 'localhost', statsd_port: 8125 },
        heartbeat_timeout: 300,
        agent_token: 'x'.repeat(43),
        agent_token_required: true,
        disable_deep_image_inspection: false,
        permitted_image_formats: ['raw', 'qcow2', 'iso'],
        enable_bios_bootloader_install: true,
      },
    })
    expect(answer.config.heartbeat_timeout).toBe(300)
    expect(answer.config['enable_bios_bootloader_install']).toBe(true)
  })

  it('results, running and failed', () => {
    const base = { id: '0b1f7d0e-5a0c-4f2b-9a44-0d3f5a3f9f01', command_name: 'execute_deploy_step' }
    const running = { ...base, command_status: 'RUNNING', command_error: null, command_result: null }
    expect(commandListSchema.parse({ commands: [running] }).commands).toEqual([running])
    const progress = { step: 'write_image', bytes: 5, total: 10, ratePerS: 2.5 }
    expect(commandResultSchema.parse({ ...running, command_progress: progress }).command_progress).toEqual(progress)
    const error = { type: 'ImageChecksumError', code: 500, message: 'm', details: 'd' }
    expect(
      commandResultSchema.parse({ ...base, command_status: 'FAILED', command_error: error, command_result: null })
        .command_error,
    ).toEqual(error)
  })

  it('heartbeats with and without a certificate; an empty callback is allowed, another scheme is not', () => {
    const beat = { callback_url: 'https://10.77.0.199:9999', agent_token: 't', agent_version: '9.4.3' }
    expect(heartbeatSchema.parse(beat)).toEqual(beat)
    expect(heartbeatSchema.safeParse({ ...beat, callback_url: '' }).success).toBe(true)
    expect(heartbeatSchema.safeParse({ ...beat, callback_url: 'file:///etc/passwd' }).success).toBe(false)
  })
})

describe('lookup query', () => {
  it('drops MACs that are none and writes the others in one way', () => {
    const query = lookupQuerySchema.parse({ addresses: '52-54-00-AA-00-01,junk, 52:54:00:aa:00:02' })
    expect(query).toEqual({ addresses: ['52:54:00:aa:00:01', '52:54:00:aa:00:02'], node_uuid: undefined })
  })
  it('needs one of the two', () => {
    expect(lookupQuerySchema.safeParse({ addresses: 'junk' }).success).toBe(false)
    expect(lookupQuerySchema.safeParse({ node_uuid: '0b1f7d0e-5a0c-4f2b-9a44-0d3f5a3f9f01' }).success).toBe(true)
  })
})

describe('image_info', () => {
  const image = { id: 'i', urls: ['http://10.0.0.1/i'], disk_format: 'raw', checksum: 'a'.repeat(64) }
  it('needs a digest, and an http or https URL (CVE-2025-44021: file:// image reads local files)', () => {
    expect(imageInfoSchema.safeParse(image).success).toBe(true)
    expect(imageInfoSchema.safeParse({ ...image, checksum: null }).success).toBe(false)
    expect(imageInfoSchema.safeParse({ ...image, checksum: null, os_hash_algo: 'sha256' }).success).toBe(false)
    for (const url of ['file:///etc/shadow', 'ftp://x/y', '/dev/sda', 'HTTP:/x']) {
      expect(imageInfoSchema.safeParse({ ...image, urls: [url] }).success).toBe(false)
    }
  })
})

describe('commands', () => {
  it('carry an epoch or none, and a name with an extension', () => {
    expect(commandRequestSchema.parse({ name: 'standby.sync' })).toEqual({ name: 'standby.sync', params: {} })
    expect(commandRequestSchema.parse({ name: 'standby.sync', params: {}, epoch: 5 }).epoch).toBe(5)
    for (const bad of [
      { name: 'sync' },
      { name: 'a.b', epoch: -1 },
      { name: 'a.b', params: [] },
      { name: '../a.b' },
      null,
      'x',
    ]) {
      expect(commandRequestSchema.safeParse(bad).success).toBe(false)
    }
  })

  it('any JSON is a value or a refusal, quickly and without an exception', () => {
    const schemas = [
      commandRequestSchema,
      commandResultSchema,
      heartbeatSchema,
      imageInfoSchema,
      inventorySchema,
      lookupAnswerSchema,
      lookupQuerySchema,
      stepParamsSchema,
    ]
    const keys = fc.constantFrom(
      'name',
      'params',
      'epoch',
      'node',
      'uuid',
      'config',
      'step',
      'urls',
      'disks',
      '__proto__',
      'id',
    )
    const json = fc.oneof(fc.jsonValue({ maxDepth: 3 }), fc.object({ key: keys, maxDepth: 3, maxKeys: 6 }))
    fc.assert(
      fc.property(json, (value) => {
        for (const schema of schemas) schema.safeParse(value)
      }),
      { numRuns: 500 },
    )
  })
})
