// Step: GPUs at work for long, by gpu-burn. It is in no package of Debian, so that it is the operator's own ramdisk that has it, beside the drivers of the GPUs.
import { access, constants } from 'node:fs/promises'
import { join } from 'node:path'
import * as z from 'zod'
import { defineStep } from '../../command.ts'
import { AgentFault } from '../../fault.ts'
import { runTool } from '../../tool.ts'
import { burnInOf, lastWords, patience } from './info.ts'

export const burnInGpuStep = defineStep({
  interface: 'deploy',
  step: 'burnin_gpu',
  about: "Counts the GPUs, and puts a load on them by gpu-burn of the operator's own ramdisk.",
  priorities: { clean: 0, service: 0 },
  args: z.object({}),
  async run(context) {
    const info = burnInOf(context)
    const {
      agent_burnin_gpu_install_dir: cwd,
      agent_burnin_gpu_timeout: seconds,
      agent_burnin_gpu_count: wanted,
    } = info
    const program = join(cwd, 'gpu_burn')
    await access(program, constants.X_OK).catch(() => {
      throw new AgentFault(
        'ProgramMissing',
        `there is no program ${program} in this ramdisk`,
        'gpu-burn is in no package of Debian: put it, and the drivers of the GPUs, into a ramdisk of your own, and name its folder in driver_info/agent_burnin_gpu_install_dir',
      )
    })
    const { signal } = context
    const run = async (args: string[], timeoutMs: number) => {
      const { code, stdout, stderr } = await runTool(program, args, { cwd, signal, timeoutMs })
      signal.throwIfAborted()
      if (code === 0) return stdout
      throw new AgentFault(
        'BurnInError',
        `gpu_burn ${args.join(' ')} ended with ${code}`,
        lastWords(`${stdout}\n${stderr}`),
      )
    }
    if (wanted > 0) {
      const found = (await run(['-l'], patience(0))).match(/^ID \d+/gm)?.length ?? 0
      if (found !== wanted) throw new AgentFault('BurnInError', `there are ${found} GPUs, and should be ${wanted}`)
    }
    const said = await run(['-m', info.agent_burnin_gpu_memory, String(seconds)], patience(seconds))
    const faulty = /FAULTY/.test(said)
    if (faulty) throw new AgentFault('BurnInError', 'gpu_burn has found a faulty GPU', lastWords(said))
    return `${seconds} s without a fault`
  },
})
