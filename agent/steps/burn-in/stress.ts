// Steps: CPUs and memory at work for long, by stress-ng. What it computes is verified; an answer that is wrong fails the step.
import * as z from 'zod'
import { type CommandContext, defineStep } from '../../command.ts'
import { AgentFault } from '../../fault.ts'
import { programsFor } from '../../programs.ts'
import { burnInOf, lastWords, patience } from './info.ts'

async function stress(
  context: CommandContext,
  step: string,
  { stressor, seconds }: { readonly stressor: readonly string[]; readonly seconds: number },
): Promise<string> {
  const programs = await programsFor(context, step, ['stress-ng'])
  // Without --verify it does the work and never looks at the result.
  const args = [...stressor, '--timeout', `${seconds}s`, '--metrics-brief', '--verify']
  context.log(`stress-ng ${args.join(' ')}`)
  const { signal } = context
  const { code, stdout, stderr } = await programs.run('stress-ng', args, {
    timeoutMs: patience(seconds),
    signal,
    env: { ...process.env, LC_ALL: 'C', TMPDIR: '/tmp' },
    cwd: '/tmp',
  })
  signal.throwIfAborted()
  const said = `${stdout}\n${stderr}`
  if (code !== 0)
    throw new AgentFault('BurnInError', `stress-ng has found a fault (exit code ${code})`, lastWords(said))
  const metrics = /\] (cpu|vm) +(\d+) +([\d.]+)/.exec(said)
  if (metrics === null) throw new AgentFault('BurnInError', 'stress-ng does not say what it has done', lastWords(said))
  return `${metrics[2]} operations in ${Number(metrics[3]).toFixed(1)} s`
}

export const burnInCpuStep = defineStep({
  interface: 'deploy',
  step: 'burnin_cpu',
  about: 'Puts a load on all CPUs and verifies what they compute.',
  priorities: { clean: 0, service: 0 },
  args: z.object({}),
  async run(context) {
    const { agent_burnin_cpu_cpu: cpus, agent_burnin_cpu_timeout: seconds } = burnInOf(context)
    return await stress(context, 'burnin_cpu', { stressor: ['--cpu', String(cpus)], seconds })
  },
})

export const burnInMemoryStep = defineStep({
  interface: 'deploy',
  step: 'burnin_memory',
  about: 'Writes patterns to memory and reads them back.',
  priorities: { clean: 0, service: 0 },
  args: z.object({}),
  async run(context) {
    const info = burnInOf(context)
    const stressor = ['--vm', String(info.agent_burnin_vm_vm), '--vm-bytes', info['agent_burnin_vm_vm-bytes']]
    return await stress(context, 'burnin_memory', { stressor, seconds: info.agent_burnin_vm_timeout })
  },
})
