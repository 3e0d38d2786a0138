// The wire between conductor and deploy agent: that of ironic-python-agent 9 with Ironic API 1.62–1.68, so that either end can be replaced.
// 1. Every text and list that a stranger can send is bounded. 2. Unknown fields are ignored, malformed known ones are refused.
// 3. What is ours (`epoch`, `command_progress`) is optional, so that the other agent and the other conductor still work.
import * as z from 'zod'

/** The lookup is sent with this Ironic API version (the first one with agent tokens), the heartbeat with the first that has `agent_verify_ca`. */
export const LOOKUP_API_VERSION = '1.62'
export const HEARTBEAT_API_VERSION = '1.68'
export const API_VERSION_HEADER = 'X-OpenStack-Ironic-API-Version'
export const AGENT_PORT = 9999
export const CONDUCTOR_AGENT_API_PORT = 6384
/** Shown instead of a token that was already given out. */
export const MASKED = '******'
/** Largest JSON body either side reads, in bytes: a config drive of 64 MiB in base64 inside a command, and some room. */
export const MAX_COMMAND_BODY_BYTES = 96 * 1024 * 1024
export const MAX_CONFIG_DRIVE_BYTES = 64 * 1024 * 1024
export const MAX_ANSWER_BYTES = 8 * 1024 * 1024

const text = (max: number) => z.string().max(max)
const uuid = z.string().regex(/^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i, 'not a UUID')
const bag = z.record(z.string().max(255), z.unknown())
const count = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER)

export const macAddressSchema = z
  .string()
  .regex(/^(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}$/i, 'not a MAC address')
  .transform((mac) => mac.toLowerCase().replaceAll('-', ':'))

/** `GET /v1/lookup`. `addresses` is a comma list; invalid MACs in it are dropped, as Ironic does. One of the two must be given. */
export const lookupQuerySchema = z
  .object({ addresses: text(4096).optional(), node_uuid: uuid.optional() })
  .transform((query) => ({
    addresses: (query.addresses ?? '').split(',').flatMap((mac) => {
      const parsed = macAddressSchema.safeParse(mac.trim())
      return parsed.success ? [parsed.data] : []
    }),
    node_uuid: query.node_uuid?.toLowerCase(),
  }))
  .refine((query) => query.addresses.length > 0 || query.node_uuid !== undefined, 'addresses or node_uuid is required')
export type LookupQuery = z.output<typeof lookupQuerySchema>

/** `config` of the lookup answer. Only what an agent of ours acts on is named; the rest of Ironic's keys pass through. */
export const agentConfigSchema = z.looseObject({
  heartbeat_timeout: z.number().min(1).max(86_400).default(300),
  agent_token: text(512).optional(),
  agent_token_required: z.boolean().optional(),
  agent_md5_checksum_enable: z.boolean().optional(),
  disable_deep_image_inspection: z.boolean().optional(),
  permitted_image_formats: z.array(text(32)).max(32).optional(),
  tls_min_version: text(16).optional(),
})
export type AgentConfig = z.output<typeof agentConfigSchema>

export const agentNodeSchema = z.looseObject({
  uuid,
  properties: bag.default({}),
  instance_info: bag.default({}),
  driver_internal_info: bag.default({}),
})
export type AgentNode = z.output<typeof agentNodeSchema>

export const lookupAnswerSchema = z.looseObject({ node: agentNodeSchema, config: agentConfigSchema })
export type LookupAnswer = z.output<typeof lookupAnswerSchema>

/** `POST /v1/heartbeat/{node}`; answered 202 without a body, 409 while the node is locked, 503 while there is no worker. */
export const heartbeatSchema = z
  .object({
    callback_url: text(2048)
      .refine((url) => url === '' || /^https?:\/\//.test(url), 'not an http or https URL')
      .default(''),
    agent_token: text(512),
    agent_version: text(64).optional(),
    agent_verify_ca: text(16_384).optional(),
    /** Of an installer, which cannot be called back. */
    agent_status: z.enum(['start', 'end', 'error']).optional(),
    agent_status_message: text(1024).optional(),
  })
  .refine(({ agent_version: version, agent_status: status }) => version !== undefined || status !== undefined, {
    path: ['agent_version'],
    message: 'is needed, or agent_status',
  })
export type Heartbeat = z.output<typeof heartbeatSchema>

const commandNameSchema = z
  .string()
  .max(128)
  .regex(/^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$/, 'a command is named extension.command')

/** `POST /v1/commands`. `epoch` is the sender's right to drive the node: the agent refuses one older than the highest that it has seen. */
export const commandRequestSchema = z.object({
  name: commandNameSchema,
  params: bag.default({}),
  epoch: count.optional(),
  /** Ours: a command whose key the agent knows is not run again, its result is answered. Makes a request safe to repeat. */
  key: text(200).optional(),
})
export type CommandRequest = z.input<typeof commandRequestSchema>

export const commandStatusSchema = z.enum(['RUNNING', 'SUCCEEDED', 'FAILED', 'CLEAN_VERSION_MISMATCH'])
export type CommandStatus = z.output<typeof commandStatusSchema>

/** A failure of the agent as data. `type` names its kind (`ImageChecksumError`), `message` is for a person, `details` adds the facts. */
export const agentErrorSchema = z.looseObject({
  type: text(128),
  code: z.number().int().min(400).max(599),
  message: text(8192),
  details: text(65_536),
})
export type AgentError = z.output<typeof agentErrorSchema>

/** Body of a refused request. Routing errors carry faultcode and faultstring only; agent errors carry both spellings. */
export const agentErrorBodySchema = z.looseObject({
  faultcode: text(64).optional(),
  faultstring: text(8192).optional(),
  type: text(128).optional(),
  code: z.number().int().optional(),
  message: text(8192).optional(),
  details: text(65_536).optional(),
})
export type AgentErrorBody = z.output<typeof agentErrorBodySchema>

/** How far a running command is; bytes and a smoothed rate in bytes per second. `total` is absent while it is not known. */
export const commandProgressSchema = z.object({
  step: text(128),
  bytes: count,
  total: count.optional(),
  ratePerS: z.number().min(0),
})
export type CommandProgress = z.output<typeof commandProgressSchema>

export const commandResultSchema = z.looseObject({
  id: uuid,
  command_name: text(128),
  command_status: commandStatusSchema,
  command_error: agentErrorSchema.nullable(),
  command_result: bag.nullable(),
  command_progress: commandProgressSchema.optional(),
  /** Ours: the request's key, and that this answer is of an earlier request with it. */
  key: text(200).optional(),
  repeated: z.boolean().optional(),
})
export type CommandResult = z.output<typeof commandResultSchema>

/** `GET /v1/commands`, oldest first. */
export const commandListSchema = z.object({ commands: z.array(commandResultSchema).max(1000) })
export type CommandList = z.output<typeof commandListSchema>

export const agentStatusSchema = z.looseObject({ started_at: z.number(), version: text(64) })
export type AgentStatus = z.output<typeof agentStatusSchema>

/** What to write and how to know that it is right. One of `os_hash_algo` + `os_hash_value` and `checksum` is mandatory. */
export const imageInfoSchema = z
  .looseObject({
    id: text(1024),
    urls: z
      .array(text(4096).regex(/^https?:\/\//, 'only http and https images are fetched'))
      .min(1)
      .max(16),
    /** In hexadecimal, or the URL of a file that has it; os_hash_value is the same. */
    checksum: text(4096).nullish(),
    os_hash_algo: text(32).nullish(),
    os_hash_value: text(4096).nullish(),
    disk_format: text(32),
    container_format: text(32).nullish(),
    image_type: text(32).nullish(),
    stream_raw_images: z.boolean().nullish(),
    node_uuid: uuid.nullish(),
    image_request_authorization: text(8192).nullish(),
    image_server_auth_strategy: text(32).nullish(),
    image_server_user: text(256).nullish(),
    image_server_password: text(1024).nullish(),
    proxies: z.record(text(16), text(2048)).nullish(),
  })
  .refine((image) => Boolean(image.checksum) || Boolean(image.os_hash_algo && image.os_hash_value), {
    message: 'a digest is mandatory: os_hash_algo with os_hash_value, or checksum',
  })
export type ImageInfo = z.output<typeof imageInfoSchema>

/** One clean, deploy or service step as the conductor sends it back for execution. */
export const agentStepSchema = z.looseObject({
  step: text(128),
  interface: text(64).optional(),
  args: bag.nullish(),
  priority: z.number().optional(),
})
export type AgentStep = z.output<typeof agentStepSchema>

export const agentPortSchema = z.looseObject({ address: text(64).optional() })
export const stepParamsSchema = z.object({
  step: agentStepSchema,
  node: agentNodeSchema,
  ports: z.array(agentPortSchema).max(256).default([]),
  clean_version: bag.nullish(),
  deploy_version: bag.nullish(),
  service_version: bag.nullish(),
  /** Ours: where the agent gets programs that the step needs and its ramdisk is without (shared/layers.ts). */
  layers: z
    .record(text(64), z.object({ url: text(2048).regex(/^https?:\/\//), sha256: z.string().regex(/^[0-9a-f]{64}$/) }))
    .optional(),
})
export type StepParams = z.output<typeof stepParamsSchema>

/** A step as listed by `get_clean_steps` and `get_deploy_steps`. Priority 0 runs only when asked for. */
export const listedStepSchema = z.looseObject({
  step: text(128),
  interface: text(64),
  priority: z.number().int().min(0),
  reboot_requested: z.boolean(),
  abortable: z.boolean().optional(),
  argsinfo: z
    .record(text(128), z.looseObject({ description: text(1024), required: z.boolean().optional() }))
    .optional(),
})
export type ListedStep = z.output<typeof listedStepSchema>
export const listedStepsSchema = z.record(text(128), z.array(listedStepSchema).max(256))

const nullableText = text(512).nullable()
export const inventoryInterfaceSchema = z.looseObject({
  name: text(64),
  mac_address: text(64).nullable(),
  ipv4_address: nullableText.optional(),
  ipv6_address: nullableText.optional(),
  has_carrier: z.boolean(),
  vendor: nullableText.optional(),
  product: nullableText.optional(),
  speed_mbps: z.number().nullable().optional(),
  pci_address: nullableText.optional(),
  driver: nullableText.optional(),
})
/** Sizes are bytes, sectors bytes per sector. Unknown facts are null. */
export const inventoryDiskSchema = z.looseObject({
  name: text(128),
  model: nullableText,
  size: count,
  rotational: z.boolean(),
  wwn: nullableText,
  serial: nullableText,
  vendor: nullableText,
  wwn_with_extension: nullableText,
  wwn_vendor_extension: nullableText,
  hctl: nullableText,
  by_path: nullableText,
  logical_sectors: count,
  physical_sectors: count,
  tran: nullableText,
})
export const inventorySchema = z.looseObject({
  interfaces: z.array(inventoryInterfaceSchema).max(1024),
  cpu: z.looseObject({
    model_name: nullableText,
    frequency: nullableText,
    count,
    architecture: text(64),
    flags: z.array(text(64)).max(1024),
    socket_count: count.nullable(),
  }),
  disks: z.array(inventoryDiskSchema).max(4096),
  memory: z.looseObject({ total: count, physical_mb: count }),
  bmc_address: nullableText.optional(),
  bmc_v6address: nullableText.optional(),
  bmc_mac: nullableText.optional(),
  system_vendor: z.looseObject({
    product_name: nullableText,
    serial_number: nullableText,
    manufacturer: nullableText,
    firmware: z.looseObject({ vendor: nullableText, version: nullableText, build_date: nullableText }),
  }),
  boot: z.looseObject({ current_boot_mode: z.enum(['bios', 'uefi']), pxe_interface: nullableText }),
  hostname: nullableText,
})
export type Inventory = z.output<typeof inventorySchema>
export type InventoryDisk = z.output<typeof inventoryDiskSchema>
export type InventoryInterface = z.output<typeof inventoryInterfaceSchema>

/** `POST /v1/continue_inspection`: the inventory and whatever else was collected. */
export const inspectionDataSchema = z.looseObject({ inventory: inventorySchema, error: text(65_536).nullish() })
export type InspectionData = z.output<typeof inspectionDataSchema>
