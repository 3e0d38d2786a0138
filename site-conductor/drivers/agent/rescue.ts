// Rescue by the ramdisk (Ironic's rescue interface `agent`): it is left to a person, who logs in as `rescue` with the password of the verb.
import { FaultError } from '../../../shared/faults.ts'
import { startCommand, waitForCommand } from '../../agents/agent-client.ts'
import { agentOf, type AgentOptions } from '../../deploy/perform.ts'
import { BOOT_AGAIN, deployContext, openSecret } from '../../deploy/task-context.ts'
import type { Implementation } from '../../driver.ts'
import { cryptSalt, sha512Crypt } from './sha512-crypt.ts'

const SALT_BYTES = 16

export function agentRescue<Info>(options: AgentOptions<Info>): Implementation<Info> {
  return {
    steps: {
      async rescue(context) {
        const { rescue_password: sealed } = deployContext(context).instance_info
        if (typeof sealed !== 'string') throw new FaultError('request.invalid', 'the instance has no rescue_password')
        const password = await openSecret(context, 'instance_info.rescue_password', sealed)
        const hash = sha512Crypt(password, cryptSalt(context.env.random(SALT_BYTES)))
        await context.keep({ rescue_begun: true })
        const agent = await agentOf(context, options)
        const params = { rescue_password: hash, hashed: true }
        await waitForCommand(agent, await startCommand(agent, 'rescue.finalize_rescue', params))
        return { context: { rescue_begun: null } }
      },
      /** The ramdisk goes with the power; its door has been shut since the rescue began. */
      async unrescue({ signal }) {
        signal.throwIfAborted()
      },
    },
    /** An agent that was told answers nobody any more. Whether it was is not known, and to boot once more changes nothing on the machine. */
    async resume(context) {
      if (!deployContext(context).rescue_begun) return undefined
      context.note('boot.again', { why: 'whether the agent has let the user in is not known' })
      return BOOT_AGAIN
    },
  }
}
