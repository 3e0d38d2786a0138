// Vendor methods of fake hardware: Ironic's own examples. Each needs `bar`, and there is one value of it that it is about. `fake` is what Ironic
// calls so; its other class of examples has no name there, and is `fake-a` here.
import type { Implementation, VendorMethod } from '../../driver.ts'
import { type Args, type Info, method, refuse, step } from './machine.ts'

function needsBar(args: Args): void {
  if (!args['bar']) refuse('the parameter bar is missing')
}

const post = (description: string, more: Partial<VendorMethod> = {}): VendorMethod => ({
  description,
  http: ['POST'],
  async: true,
  validate: needsBar,
  ...more,
})

const inLog = (name: string) => step(`vendor.${name}`, (machine) => void machine.log.push(`vendor ${name}`))

const variantA: Implementation<Info> = {
  vendor: { first_method: post('Whether bar is baz, later') },
  steps: { first_method: inLog('first_method') },
}

const variantB: Implementation<Info> = {
  vendor: {
    second_method: post('Whether bar is kazoo, later'),
    third_method_sync: post('Whether bar is meow', { async: false }),
    fourth_method_shared_lock: post('Whether bar is woof, later, also while the node is locked', { shared: true }),
    log_passthrough: { description: 'Says that it was called, later', http: ['POST'], async: true },
  },
  offers: {
    log_passthrough: { clean: 0, service: 0, ramdisk: false },
    // With the ramdisk: while it lasts the node is in service wait.
    trigger_servicewait: { service: 0 },
  },
  steps: {
    second_method: inLog('second_method'),
    log_passthrough: inLog('log_passthrough'),
    trigger_servicewait: inLog('trigger_servicewait'),
  },
  methods: {
    third_method_sync: method((machine, args) => {
      machine.log.push('vendor third_method_sync')
      return args['bar'] === 'meow'
    }),
    fourth_method_shared_lock: method((machine) => void machine.log.push('vendor fourth_method_shared_lock')),
  },
}

export const vendors: Readonly<Record<string, Implementation<Info>>> = { fake: variantB, 'fake-a': variantA }
