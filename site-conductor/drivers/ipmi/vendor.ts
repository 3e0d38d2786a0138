// Ironic's vendor methods of IPMI: raw bytes to the BMC, and a reset of the BMC itself.
import { FaultError } from '../../../shared/faults.ts'
import type { Implementation, StepContext, StepResult } from '../../driver.ts'
import { IpmiError } from '../../ipmi/errors.ts'
import { type RawRequest, rawRequestOf, sendRaw } from '../../ipmi/commands/raw.ts'
import { resetBmc } from '../../ipmi/commands/reset-bmc.ts'
import { mutate } from './bmc.ts'
import type { IpmiInfo } from './info.ts'

type Args = Readonly<Record<string, unknown>>

const invalid = (message: string) => new FaultError('request.invalid', message)

/** As ipmitool reads them: 0x10 or 16. */
const BYTE = /^(?:0x[0-9a-f]{1,2}|0|[1-9]\d{0,2})$/i

function rawOf({ raw_bytes: text }: Args): RawRequest {
  if (typeof text !== 'string') throw invalid('raw_bytes is needed: network function, command, data, as "0x00 0x01"')
  const bytes = text
    .trim()
    .split(/\s+/)
    .map((word) => (BYTE.test(word) && Number(word) <= 0xff ? Number(word) : NaN))
  if (bytes.some(Number.isNaN)) throw invalid('raw_bytes must be bytes with spaces between them, as "0x00 0x01"')
  try {
    return rawRequestOf(Uint8Array.from(bytes))
  } catch (error) {
    if (error instanceof IpmiError) throw invalid(`raw_bytes: ${error.message}`)
    throw error
  }
}

/**
 * What the bytes do the second time only their author knows, so they are sent at most once: that they may go out is on record before they do, and
 * who finds that and no end of the step sends nothing.
 */
async function send(context: StepContext<IpmiInfo>): Promise<StepResult> {
  const raw = rawOf(context.args)
  if (context.task.context['raw_begun'] === true)
    throw new FaultError('bmc.unreachable', 'whether the raw bytes arrived is not known, so they were not sent again', {
      hint: 'ask the BMC whether it was done, and send them again if it was not',
    })
  await context.keep({ raw_begun: true })
  const answer = await mutate(context, (session, options) => sendRaw(session, raw, options), 'highest')
  context.note('bmc.raw', { answer: Buffer.from(answer).toString('hex') })
  return { context: { raw_begun: null } }
}

function warmOf({ warm = true }: Args): boolean {
  if (typeof warm !== 'boolean') throw invalid('warm must be true or false')
  return warm
}

export const ipmiVendor: Implementation<IpmiInfo> = {
  vendor: {
    send_raw: {
      description:
        "Sends raw bytes to the BMC, whose answer is on the timeline. Required: 'raw_bytes', a text such as 0x00 0x01; it is kept with the task, so no passwords",
      http: ['POST'],
      async: true,
      validate: (args) => void rawOf(args),
    },
    bmc_reset: {
      description: "Resets the BMC, not the machine. Optional: 'warm', default true; false is a cold reset",
      http: ['POST'],
      async: true,
      validate: (args) => void warmOf(args),
    },
  },
  offers: {
    send_raw: {
      clean: 0,
      deploy: 0,
      service: 0,
      ramdisk: false,
      args: { raw_bytes: { description: 'Network function, command and data, such as 0x00 0x01', required: true } },
    },
  },
  steps: {
    send_raw: send,
    /** Done twice, the BMC has started anew twice. */
    async bmc_reset(context) {
      const how = warmOf(context.args) ? 'warm' : 'cold'
      await mutate(context, (session, options) => resetBmc(session, how, options), 'highest')
    },
  },
}
