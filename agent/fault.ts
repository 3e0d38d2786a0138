// What goes wrong on a machine, as data: the agent's error body {type, code, message, details}. Inside the process it is an exception.
import type { AgentError } from '../shared/agent-protocol.ts'

/** HTTP status of each kind; the names are those of ironic-python-agent where it has one, so that its conductor reads them. */
const codes = {
  InvalidContent: 400,
  InvalidCommandError: 400,
  InvalidCommandParamsError: 400,
  Unauthorized: 401,
  RequestedObjectNotFound: 404,
  ImageDownloadTimeout: 408,
  AgentIsBusy: 409,
  StaleEpoch: 409,
  CommandAborted: 500,
  CommandExecutionError: 500,
  DeviceNotFound: 404,
  DiskTooSmall: 500,
  DiskReadError: 500,
  DiskWriteError: 500,
  ImageDownloadError: 500,
  ImageChecksumError: 500,
  InvalidImage: 500,
  ImageWriteError: 500,
  InvalidConfigDrive: 500,
  PartitionTableError: 500,
  SoftwareRAIDError: 500,
  BootEntryError: 500,
  ProgramMissing: 500,
  BurnInError: 500,
  ContainerError: 500,
  VersionMismatch: 500,
} as const
export type FaultType = keyof typeof codes

export class AgentFault extends Error {
  readonly type: FaultType
  readonly details: string
  constructor(type: FaultType, message: string, details = message) {
    super(message)
    this.name = 'AgentFault'
    this.type = type
    this.details = details
  }
  get code(): number {
    return codes[this.type]
  }
}

/** Any thrown thing as the error body of the wire; lengths are those of the schema. */
export function toAgentError(thrown: unknown): AgentError {
  if (thrown instanceof AgentFault) {
    const { type, code, message, details } = thrown
    return { type, code, message: message.slice(0, 8192), details: details.slice(0, 65_536) }
  }
  const message = thrown instanceof Error ? thrown.message : String(thrown)
  const details = thrown instanceof Error ? (thrown.stack ?? message) : message
  return {
    type: 'CommandExecutionError',
    code: 500,
    message: message.slice(0, 8192),
    details: details.slice(0, 65_536),
  }
}
