// The steps this ramdisk knows, and the two things one does with steps: list them, run one.
import * as z from 'zod'
import type { ListedStep } from '../shared/agent-protocol.ts'
import { stepParamsSchema } from '../shared/agent-protocol.ts'
import type { Command, CommandContext, CommandOutcome, Phase, Step } from './command.ts'
import { AgentFault } from './fault.ts'
import { eraseDevicesMetadataStep } from './steps/erase-devices-metadata.ts'
import { eraseDevicesExpressStep, eraseDevicesStep } from './steps/erase-devices.ts'
import { erasePstoreStep } from './steps/erase-pstore.ts'
import { executeBootcInstallStep } from './steps/bootc.ts'
import { burnInDiskStep } from './steps/burn-in/disk.ts'
import { burnInGpuStep } from './steps/burn-in/gpu.ts'
import { burnInNetworkStep } from './steps/burn-in/network.ts'
import { burnInCpuStep, burnInMemoryStep } from './steps/burn-in/stress.ts'
import { cleanUefiNvramStep } from './steps/clean-uefi-nvram.ts'
import { injectFilesStep } from './steps/inject-files.ts'
import { applyConfigurationStep, createConfigurationStep, deleteConfigurationStep } from './steps/raid.ts'
import { writeConfigDriveStep } from './steps/write-configdrive.ts'
import { writeImageStep } from './steps/write-image.ts'

const steps: readonly Step[] = [
  writeImageStep,
  writeConfigDriveStep,
  eraseDevicesMetadataStep,
  eraseDevicesStep,
  eraseDevicesExpressStep,
  erasePstoreStep,
  cleanUefiNvramStep,
  injectFilesStep,
  executeBootcInstallStep,
  burnInCpuStep,
  burnInMemoryStep,
  burnInDiskStep,
  burnInNetworkStep,
  burnInGpuStep,
  createConfigurationStep,
  deleteConfigurationStep,
  applyConfigurationStep,
]

/** Those of the ramdisk, and commands that are steps as well. One of the same name is the ramdisk's. */
export function stepsWith(commands: readonly Command[]): readonly Step[] {
  const more = commands.flatMap(({ name, about, params, priorities, run }): Step[] =>
    priorities ? [{ interface: 'deploy', step: name.split('.')[1]!, about, priorities, args: params, run }] : [],
  )
  return [...steps, ...more.filter((each) => !steps.some((own) => own.step === each.step))]
}

/** Sent back by the conductor with each step; a difference means that it planned with another ramdisk. */
export const MANAGER = 'FerruleHardwareManager'
export const MANAGER_VERSION = { ferrule_hardware_manager: '1' }

export function listSteps(phase: Phase, all: readonly Step[]): { [manager: string]: ListedStep[] } {
  const listed = all
    .filter((step) => step.priorities[phase] !== undefined)
    .map((step) => ({
      step: step.step,
      interface: step.interface,
      priority: step.priorities[phase]!,
      reboot_requested: false,
      abortable: true,
      argsinfo: argsInfo(step.args),
    }))
  return { [MANAGER]: listed }
}

/** Ironic's description of arguments, from the schema. */
function argsInfo(args: z.ZodType): NonNullable<ListedStep['argsinfo']> {
  const schema = z.toJSONSchema(args, { io: 'input', unrepresentable: 'any' })
  const required = new Set(schema.required ?? [])
  return Object.fromEntries(
    Object.entries(schema.properties ?? {}).map(([name, about]) => [
      name,
      { description: (typeof about === 'object' && about.description) || name, required: required.has(name) },
    ]),
  )
}

/** Thrown when the version in the order is of another ramdisk; becomes the status CLEAN_VERSION_MISMATCH. */
function checkVersion(version: Record<string, unknown> | null | undefined): void {
  if (!version) return
  const ours = Object.entries(MANAGER_VERSION)
  const same = ours.every(([name, value]) => version[name] === value) && Object.keys(version).length === ours.length
  if (!same)
    throw new AgentFault(
      'VersionMismatch',
      'steps were planned with another ramdisk',
      `${JSON.stringify(version)} is not ${JSON.stringify(MANAGER_VERSION)}`,
    )
}

export const executeParams = stepParamsSchema

/** Runs the step that the conductor sent, with its arguments checked against the step's own schema. */
export async function executeStep(
  phase: Phase,
  context: CommandContext,
  params: z.output<typeof executeParams>,
): Promise<CommandOutcome> {
  checkVersion(params[`${phase}_version`])
  const step = context.steps.find(
    (candidate) => candidate.priorities[phase] !== undefined && candidate.step === params.step.step,
  )
  if (!step) throw new AgentFault('InvalidCommandParamsError', `there is no ${phase} step ${params.step.step}`)
  const args = step.args.safeParse(params.step.args ?? {})
  if (!args.success)
    throw new AgentFault('InvalidCommandParamsError', `arguments of ${step.step}: ${z.prettifyError(args.error)}`)
  const outcome = await step.run(
    { ...context, node: params.node, ports: params.ports, phase, ...(params.layers && { layers: params.layers }) },
    args.data,
  )
  const result = typeof outcome === 'string' ? { result: `${step.step}: ${outcome}` } : (outcome ?? null)
  return { [`${phase}_result`]: result, [`${phase}_step`]: params.step }
}
