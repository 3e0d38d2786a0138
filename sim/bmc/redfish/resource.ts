// What a resource of the simulated BMC is: what it shows, and what can be done to it. Bodies are looked at strictly, as a judge of clients does.

export interface Outcome {
  readonly status: number
  readonly body?: object
  readonly headers?: Readonly<Record<string, string>>
  /** For the log: arguments in words. */
  readonly detail?: string
}

export type Body = Readonly<Record<string, unknown>>

export interface Resource {
  /** For the log: `Bios`, or an action's name. */
  readonly what: string
  readonly get?: () => Record<string, unknown>
  /** A GET that answers otherwise than with 200. */
  readonly look?: () => Outcome
  readonly patch?: (body: Body) => Outcome
  readonly post?: (body: Body) => Outcome
  readonly remove?: () => Outcome
}

/** A refusal with a message of the Base registry. */
export class Refusal extends Error {
  readonly status: number
  readonly messageId: string

  constructor(status: number, messageId: string, message: string) {
    super(message)
    this.status = status
    this.messageId = messageId
  }
}

export function errorBody(messageId: string, message: string): object {
  const info = { MessageId: `Base.1.8.${messageId}`, Message: message, Severity: 'Critical', Resolution: 'None.' }
  return {
    error: { code: 'Base.1.8.GeneralError', message: 'See @Message.ExtendedInfo.', '@Message.ExtendedInfo': [info] },
  }
}

/** The value of a property that must be one of `allowed`. */
export function oneOf(body: Body, name: string, allowed: readonly string[]): string {
  const value = body[name]
  if (value === undefined) throw new Refusal(400, 'ActionParameterMissing', `${name} is missing`)
  if (typeof value === 'string' && allowed.includes(value)) return value
  throw new Refusal(400, 'PropertyValueNotInList', `${JSON.stringify(value)} is not a value of ${name}`)
}

export function text(body: Body, name: string): string {
  const value = body[name]
  if (typeof value === 'string' && value !== '') return value
  throw new Refusal(400, 'PropertyValueTypeError', `${name} must be a text`)
}

/** Refuses properties that nobody knows. */
export function only(body: Body, names: readonly string[]): void {
  const unknown = Object.keys(body).find((name) => !names.includes(name))
  if (unknown !== undefined) throw new Refusal(400, 'PropertyUnknown', `the property ${unknown} is not known`)
}

export const link = (path: string) => ({ '@odata.id': path })
export const done: Outcome = { status: 204 }

export function collection(path: string, type: string, paths: readonly string[]): Record<string, unknown> {
  return {
    '@odata.type': `#${type}Collection.${type}Collection`,
    '@odata.id': path,
    Name: `${type} Collection`,
    'Members@odata.count': paths.length,
    Members: paths.map(link),
  }
}
