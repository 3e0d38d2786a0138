// Failure as data, across processes: one table gives each code its HTTP status, whether trying again can help, and the next action.
// Inside a process a Fault travels as FaultError. A fault's text never carries a secret.
import { z } from 'zod'

interface FaultFacts {
  /** HTTP status when the API answers with it. */
  readonly status: number
  /** May the same call succeed later without anybody doing something? */
  readonly retry: boolean
  /** The next action, where a more specific hint is not given. */
  readonly hint: string
}

// prettier-ignore
export const FAULTS = {
  // requests
  'request.invalid':        { status: 400, retry: false, hint: 'correct the request; the message names the field' },
  'request.too_large':      { status: 413, retry: false, hint: 'send less' },
  'query.exclusive':        { status: 403, retry: false, hint: 'filter by one of them' },
  'version.unsupported':    { status: 406, retry: false, hint: 'use a microversion inside the range in the response headers' },
  'auth.missing':           { status: 401, retry: false, hint: 'send Authorization: Bearer frp_…' },
  'auth.denied':            { status: 403, retry: false, hint: 'use a token with the needed scope' },
  'not_found':              { status: 404, retry: false, hint: 'check the identifier' },
  'method.not_allowed':     { status: 405, retry: false, hint: 'see the Allow header' },
  'conflict':               { status: 409, retry: false, hint: 'change what the message names, then try again' },
  'node.locked':            { status: 409, retry: true,  hint: 'wait until the running task ends; GET /v1/nodes/{id} shows it as reservation' },
  'node.associated':        { status: 409, retry: false, hint: 'undeploy the node or set maintenance first' },
  'node.protected':         { status: 403, retry: false, hint: 'clear protected first' },
  'node.maintenance':       { status: 400, retry: false, hint: 'clear maintenance first' },
  'state.invalid':          { status: 400, retry: false, hint: 'see the verbs that are possible from this state' },
  'driver.unknown':         { status: 400, retry: false, hint: 'GET /v1/drivers lists the drivers of the live conductors' },
  'driver.unsupported':     { status: 400, retry: false, hint: 'choose another driver or interface' },
  'driver.invalid_info':    { status: 400, retry: false, hint: 'PATCH driver_info; GET /v1/drivers/{name}/properties lists the fields' },
  'site.no_key':            { status: 409, retry: false, hint: 'enrol a conductor first: secrets are sealed to the site key it makes' },
  'site.no_conductor':      { status: 503, retry: true,  hint: 'start a conductor at the site that serves this driver; GET /v1/conductors' },
  'site.busy':              { status: 503, retry: true,  hint: 'wait until some of that work has ended, or raise the limit of the site: PATCH /v1/sites/{id}' },
  'site.no_address':        { status: 409, retry: false, hint: 'give the site addresses for booting: PATCH /v1/sites/{id} with a pool {cidr, first, last, router}' },
  'token.expired':          { status: 401, retry: false, hint: 'make a new enrolment token: POST /v1/sites/{id}/enrol-tokens' },
  'token.used':             { status: 401, retry: false, hint: 'make a new enrolment token: POST /v1/sites/{id}/enrol-tokens' },
  'token.unknown':          { status: 401, retry: false, hint: 'check the token, or make a new one: POST /v1/sites/{id}/enrol-tokens' },
  'request.changed':        { status: 412, retry: false, hint: 'read the resource again, and repeat the change with its new ETag' },
  'request.busy':           { status: 409, retry: true,  hint: 'the first request with this Idempotency-Key is under way; ask again for its answer' },
  'request.reused':         { status: 422, retry: false, hint: 'use a new Idempotency-Key for another request' },
  'watch.full':             { status: 429, retry: true,  hint: 'close streams that nobody reads, or ask again later' },
  'hub.superseded':         { status: 503, retry: true,  hint: 'try again; another hub of the site took over' },
  'unavailable':            { status: 503, retry: true,  hint: 'try again' },
  'timeout':                { status: 504, retry: true,  hint: 'look at the timeline, then try again' },
  'internal':               { status: 500, retry: false, hint: 'report it with the request id' },
  // ownership
  'fenced':                 { status: 409, retry: false, hint: 'another conductor drives this node now' },
  'lease.lapsed':           { status: 503, retry: true,  hint: 'the conductor will ask again after it has a lease' },
  'task.cancelled':         { status: 409, retry: false, hint: 'start the work again when wanted' },
  // conductors at the door
  'conductor.signature':    { status: 401, retry: false, hint: 'enrol this conductor: POST /v1/sites/{id}/enrol-tokens, then ferrule-conductor enroll' },
  'conductor.clock':        { status: 401, retry: true,  hint: 'set its clock: chrony or systemd-timesyncd' },
  'conductor.revoked':      { status: 403, retry: false, hint: 'enrol it again with a new token: POST /v1/sites/{id}/enrol-tokens' },
  'conductor.replayed':     { status: 409, retry: true,  hint: 'nothing, when the conductor connects again by itself; otherwise somebody read its requests: enrol it again' },
  'conductor.cloned':       { status: 409, retry: false, hint: 'two hosts have one identity: stop one, remove its data folder and enrol it anew' },
  'conductor.frame':        { status: 400, retry: false, hint: 'upgrade the conductor, or report it with the reason' },
  'conductor.alive':        { status: 409, retry: true,  hint: 'POST /v1/conductors/{id}/drain moves its nodes; DELETE revokes it' },
  // hardware
  'bmc.authentication':     { status: 400, retry: false, hint: 'correct ipmi_username and ipmi_password in driver_info, then manage again' },
  'bmc.unreachable':        { status: 504, retry: true,  hint: "check the BMC's address in driver_info, its cabling and the route from the conductor to it" },
  'bmc.privilege':          { status: 400, retry: false, hint: 'use a BMC user with administrator privilege, or set ipmi_priv_level' },
  'bmc.cipher':             { status: 400, retry: false, hint: 'enable cipher suite 17 or 3 on the BMC, or set ipmi_cipher_suite' },
  'bmc.refused':            { status: 502, retry: true,  hint: 'see the completion code; a BMC reset may be needed' },
  'bmc.session_lost':       { status: 504, retry: true,  hint: 'the BMC dropped the session of this step again and again: see whether it restarts, or has too few sessions' },
  'power.timeout':          { status: 504, retry: true,  hint: 'look at the machine on its console; power it off by hand if it hangs' },
  'inspection.refused':     { status: 409, retry: false, hint: 'correct the machine or the inspection rule that the message names, then inspect again' },
  // boot and deploy
  'agent.no_call':          { status: 504, retry: true,  hint: 'see the timeline for the last boot stage; check boot mode, VLAN and DHCP relay' },
  'agent.lost':             { status: 504, retry: true,  hint: 'see the serial console; deploy again' },
  'agent.command':          { status: 502, retry: false, hint: 'see the agent logs kept with the failure' },
  'image.unreachable':      { status: 502, retry: true,  hint: 'check image_source from the provisioning network' },
  'image.not_found':        { status: 404, retry: false, hint: 'correct instance_info.image_source' },
  'image.digest':           { status: 409, retry: false, hint: 'correct image_os_hash_value, or the image at image_source' },
  'image.format':           { status: 400, retry: false, hint: 'correct image_disk_format; only raw and qcow2 without backing file are written' },
  'image.too_large':        { status: 409, retry: false, hint: 'use a smaller image or a larger root disk (root_device hints)' },
  'disk.not_found':         { status: 409, retry: false, hint: 'correct the root_device hints; the inventory lists the disks' },
  'disk.io':                { status: 502, retry: false, hint: 'replace the disk or choose another by root_device' },
  'config_drive.invalid':   { status: 400, retry: false, hint: 'send JSON, or base64 of a gzipped ISO 9660 image up to 64 MiB' },
  // the OpenStack of a site
  'openstack.unreachable':  { status: 503, retry: true,  hint: 'see whether the service runs, and whether the conductor reaches it; its address is in the OpenStack file of the conductor or in the catalogue' },
  'openstack.authentication': { status: 502, retry: false, hint: 'correct user, project and secret in the OpenStack file of the conductor' },
  'openstack.refused':      { status: 502, retry: false, hint: 'see the log of the service; its message says what it does not take' },
} as const satisfies Record<string, FaultFacts>

export type FaultCode = keyof typeof FAULTS

export const Fault = z.object({
  code: z.enum(Object.keys(FAULTS) as [FaultCode, ...FaultCode[]]),
  message: z.string().max(4000),
  hint: z.string().max(1000),
})
export type Fault = z.infer<typeof Fault>

/** Builds a fault; `hint` defaults to the table's next action. */
export function fault(code: FaultCode, message: string, hint: string = FAULTS[code].hint): Fault {
  return { code, message: message.slice(0, 4000), hint: hint.slice(0, 1000) }
}

/** A Fault inside a process. `cause` keeps the original exception for the log; only `fault` leaves the process. */
export class FaultError extends Error {
  override name = 'FaultError'
  readonly fault: Fault
  constructor(code: FaultCode, message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.fault = options.hint === undefined ? fault(code, message) : fault(code, message, options.hint)
  }
  static of(f: Fault): FaultError {
    return new FaultError(f.code, f.message, { hint: f.hint })
  }
}

/** Any exception as a Fault; an unknown one becomes `internal` with its message (stack traces stay in the log). */
export function toFault(error: unknown): Fault {
  if (error instanceof FaultError) return error.fault
  return fault('internal', error instanceof Error ? error.message : String(error))
}
